# SPDX-License-Identifier: Apache-2.0
"""No role can change what was written down, and none sees a tenant that it did not name (I7, I9)."""

import asyncpg
import pytest

from cairn.events.decision import DecisionKind
from chassis.database import Pool
from deploy.local.provision import Provisioned
from tests.integration.services.records.feeding import feed, life, seeing, sequence

APPEND_ONLY = ("entry", "position", "disclosure", "partner_version")
CHANGES = ("update records.{0} set tenant = tenant", "delete from records.{0}", "truncate records.{0}")


@pytest.fixture
async def filled(consume: Pool, schedule: Pool, tenant: str) -> str:
    await feed(consume, life(tenant, "l1", DecisionKind.CONFERRED, DecisionKind.UNDER_REVIEW))
    await sequence(schedule)
    return tenant


@pytest.mark.parametrize("role", ["consume", "serve", "relay", "schedule"])
@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", CHANGES)
async def test_no_role_may_change_the_past(
    records: Provisioned, filled: str, role: str, table: str, change: str
) -> None:
    connection = await asyncpg.connect(records.dsns[role])
    try:
        await connection.execute("select set_config('cairn.tenants', $1, false)", filled)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await connection.execute(change.format(table))
    finally:
        await connection.close()


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", CHANGES)
async def test_not_even_the_owner_may(records: Provisioned, filled: str, table: str, change: str) -> None:
    connection = await asyncpg.connect(records.dsns["migrate"])
    try:
        await connection.execute("set role cairn_records_owner")
        await connection.execute("select set_config('cairn.tenants', $1, false)", filled)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await connection.execute(change.format(table))
    finally:
        await connection.close()


async def test_a_consumer_sees_the_tenants_of_its_batch_and_no_other(consume: Pool, filled: str) -> None:
    for count in (
        "select count(*) from records.chain_head",
        "select count(*) from records.award_head",
        "select count(*) from chassis.learner",
    ):
        async with seeing(consume, "another") as connection:
            assert await connection.fetchval(count) == 0
        async with seeing(consume, "another", filled) as connection:
            assert await connection.fetchval(count) == 1
        async with consume.acquire() as connection:
            assert await connection.fetchval(count) == 0


async def test_a_consumer_writes_the_tenants_of_its_batch_and_no_other(consume: Pool, tenant: str) -> None:
    for statement in (
        "insert into records.award_head values ($1, 'l1', 'c', 1, 'good')",
        "insert into records.unsequenced (tenant, learner, sequence) values ($1, 'l1', 1)",
        "insert into records.entry values ($1, 'l1', 1, gen_random_uuid(), sha256(''), sha256(''), '')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            async with seeing(consume, "another") as connection:
                await connection.execute(statement, tenant)


async def test_a_request_reads_one_tenant_and_writes_no_entry(serve: Pool, filled: str) -> None:
    async with seeing(serve, filled) as connection:
        assert await connection.fetchval("select count(*) from records.entry") == 2
        assert await connection.fetchval("select count(*) from records.position") == 2
    async with seeing(serve, "another") as connection:
        assert await connection.fetchval("select count(*) from records.entry") == 0
        assert await connection.fetchval("select count(*) from records.position") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with seeing(serve, filled) as connection:
            await connection.execute("insert into records.entry select * from records.entry")


async def test_who_serves_reads_what_was_told_of_the_institution_asked_and_nobody_else_does(
    serve: Pool, consume: Pool, schedule: Pool, filled: str
) -> None:
    count = "select count(*) from records.disclosure"
    async with seeing(serve, filled) as connection:
        await connection.execute(
            "insert into records.disclosure"
            " (tenant, disclosure_id, recipient, legal_basis, method, asked, told)"
            " values ($1, gen_random_uuid(), 'x', 'y', 'z', '{}', '{}')",
            filled,
        )
        assert await connection.fetchval(count) == 1
    async with seeing(serve, "another") as connection:
        assert await connection.fetchval(count) == 0
    for pool in (consume, schedule):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with seeing(pool, filled) as connection:
                await connection.fetchval(count)


async def test_the_sequencer_reads_no_entry(schedule: Pool, filled: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with seeing(schedule, filled) as connection:
            await connection.fetch("select * from records.entry")


async def test_every_tenant_table_has_forced_row_level_security(records: Provisioned) -> None:
    connection = await asyncpg.connect(records.dsns["migrate"])
    try:
        rows = await connection.fetch(
            "select relname, relrowsecurity and relforcerowsecurity as forced"
            " from pg_class join pg_attribute on attrelid = pg_class.oid and attname = 'tenant'"
            " where relnamespace in ('records'::regnamespace, 'chassis'::regnamespace)"
            " and relkind in ('r', 'p') and not relispartition"
        )
    finally:
        await connection.close()
    assert {"entry", "position", "disclosure", "inbox", "outbox", "learner"} <= {
        row["relname"] for row in rows
    }
    assert [row["relname"] for row in rows if not row["forced"]] == []
