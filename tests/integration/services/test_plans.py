# SPDX-License-Identifier: Apache-2.0
"""No statement of a service reads a table from end to end, however small it was when the plan was made."""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

import chassis
import services
from chassis.database import connect
from chassis.migrate import migrate
from deploy.local.provision import LOGIN_ROLES, Provisioned, drop_database, provision

SERVICES = ["assessment", "recognition", "records"]
Plan = dict[str, Any]
VERBS = ("select", "insert", "update", "delete", "with")
# Parts of statements, and what reads a whole table because it wants all of it.
LEFT_OUT = {
    "chassis.unit.fence._READ": "is a part of others",
    "chassis.unit.outbox.NOTIFY": "reads no table",
    "services.records.adapters.postgres_positions._WAKE": "reads no table",
}
# What is read in the order of its index, from its beginning and no further than a limit; or to the end, where
# all is wanted of a table that has a row for each partition, or for each loss.
IN_ORDER = {
    "chassis.operations.store._CONSUMERS",
    "chassis.operations.store._LOSSES",
    "chassis.relay.slot._UNSENT",
    "chassis.schedule.scans._NEXT",
    "services.records.adapters.postgres_positions._SEQUENCE",
}
# What is wanted whole, of tables that have a row for each credential of a platform or version of a partner.
WHOLE = {
    "services.assessment.adapters.postgres_credentials._HELD",
    "services.assessment.adapters.postgres_credentials._STATE",
    "services.records.adapters.postgres_partners._EVERYWHERE",
    "services.records.adapters.postgres_partners._STATE",
}
INDEXED = {"Index Scan", "Index Only Scan"}
# Whose key is the tenant alone, and what is loaded for a tenant as a whole.
OF_A_TENANT = {"rule_epoch", "extent", "policy", "rule_version"}


def statements(package: str) -> Iterator[tuple[str, str]]:
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, f"{package}."):
        if found.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(found.name)).items():
            where = f"{found.name}.{name}"
            if isinstance(value, str) and value.strip().startswith(VERBS) and where not in LEFT_OUT:
                yield where, value


async def explained(made: Provisioned, statement: str) -> Plan | None:
    """Return the plan that a session of a service keeps; None where no role of it may run the statement."""
    for role in LOGIN_ROLES:
        connection = await connect(made.dsns[role])
        try:
            # As a statement of the server: asyncpg would bind values, which an explained plan folds in.
            await connection.execute(f"prepare asked as {statement}")
            nulls = ", ".join("null" for _ in await parameters(connection))
            text = await connection.fetchval(f"explain (format json) execute asked{nulls and f'({nulls})'}")
        except asyncpg.InsufficientPrivilegeError:
            continue
        finally:
            await connection.close()
        plan: Plan = json.loads(text)[0]["Plan"]
        return plan
    return None


async def parameters(connection: asyncpg.Connection) -> list[str]:
    """Return the types of the parameters of the statement that was prepared."""
    asked = "select parameter_types::text[] from pg_prepared_statements where name = 'asked'"
    types: list[str] = await connection.fetchval(asked)
    return types


def by_more_than_tenant(condition: str) -> bool:
    """Tell whether an index is entered with more than the tenant, which a row-level policy adds anyway."""
    return any(not part.strip("(").startswith("tenant =") for part in condition.split(" AND "))


def whole_reads(plan: Plan) -> Iterator[str]:
    """Name what a plan reads from end to end: a table, an index without a key, or all of a tenant."""
    kind, table = plan["Node Type"], plan.get("Relation Name")
    if kind == "Seq Scan" or (kind in INDEXED and "Index Cond" not in plan):
        yield f"{kind} on {table}"
    elif kind in INDEXED and table not in OF_A_TENANT and not by_more_than_tenant(plan["Index Cond"]):
        yield f"all of a tenant in {table}"
    for part in plan.get("Plans", ()):
        yield from whole_reads(part)


async def analyse(postgres: str, made: Provisioned) -> None:
    """Let the planner know that every table is empty, which is when a scan looks best."""
    connection = await asyncpg.connect(urlunsplit(urlsplit(postgres)._replace(path=f"/{made.database}")))
    await connection.execute("analyze")
    await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_every_statement_goes_by_keys(postgres: str, service: str) -> None:
    made = await provision(postgres, service, prefix=f"t{uuid4().hex[:12]}_")
    try:
        bootstrap = importlib.import_module(f"services.{service}.bootstrap")
        await migrate(made.dsns["migrate"], bootstrap.SERVICE, bootstrap.MIGRATIONS, lambda _file: None)
        await analyse(postgres, made)
        found = {
            where: await explained(made, statement)
            for package in (chassis.__name__, f"{services.__name__}.{service}")
            for where, statement in statements(package)
        }
    finally:
        await drop_database(postgres, made.database)
    assert len(found) > 12
    assert [where for where, plan in found.items() if plan is None] == []
    read = {where: list(whole_reads(plan)) for where, plan in found.items() if plan}
    assert {where: reads for where, reads in read.items() if reads and where not in IN_ORDER | WHOLE} == {}
