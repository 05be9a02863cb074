# SPDX-License-Identifier: Apache-2.0
"""What a database of Kubernetes is made with gives its roles what `provision` gives them, and no more."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from chassis.migrate import migrate
from deploy.kubernetes.built import HERE
from deploy.local.database import Database
from deploy.local.layout import SERVICES
from deploy.local.provision import provision
from deploy.local.stack import ROOT

_ROLES = """
select rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication
from pg_roles where rolname like 'cairn%' order by rolname
"""
_MEMBERS = """
select roleid::regrole::text, member::regrole::text, admin_option, inherit_option, set_option
from pg_auth_members where roleid::regrole::text like 'cairn%' order by 1, 2
"""
_DATABASES = """
select datname, datdba::regrole::text, (
    select array_agg(entry::text order by entry::text) from unnest(datacl) as entry
) from pg_database where datname like 'cairn%' order by datname
"""


@pytest.fixture(scope="module")
async def ours(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Return the superuser's DSN of a server of this test alone: roles belong to a whole server."""
    database = Database(tmp_path_factory.mktemp("kubernetes"))
    admin = database.start()
    await make(admin)
    yield admin
    database.stop()


def inside(admin: str, database: str) -> str:
    return urlunsplit(urlsplit(admin)._replace(path=f"/{database}"))


async def make(admin: str) -> None:
    """Do what CloudNativePG does: an owner that may log in, its database, and in it our file in one go."""
    server = await asyncpg.connect(admin)
    for service in SERVICES:
        await server.execute(f"create role cairn_{service}_owner login")
        await server.execute(f"create database cairn_{service} owner cairn_{service}_owner")
        database = await asyncpg.connect(inside(admin, f"cairn_{service}"))
        file = HERE / f"base/databases/{service}.sql"
        await database.execute(file.read_text("utf-8"))
        await database.close()
    await server.close()


async def found(admin: str) -> list[list[tuple[object, ...]]]:
    connection = await asyncpg.connect(admin)
    rows = [await connection.fetch(query) for query in (_ROLES, _MEMBERS, _DATABASES)]
    await connection.close()
    return [[tuple(row) for row in each] for each in rows]


async def test_roles_and_databases_are_as_provision_makes_them(ours: str, tmp_path: Path) -> None:
    theirs = Database(tmp_path / "provisioned")
    try:
        admin = theirs.start()
        for service in SERVICES:
            await provision(admin, service)
        assert await found(ours) == await found(admin)
    finally:
        theirs.stop()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_migration_runs_there_under_its_own_role(service: str, ours: str) -> None:
    parts = urlsplit(inside(ours, f"cairn_{service}"))
    url = urlunsplit(parts._replace(netloc=f"cairn_{service}_migrate@"))

    assert await migrate(url, service, ROOT / "services" / service / "migrations", lambda _file: None) > 0
