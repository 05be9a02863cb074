# SPDX-License-Identifier: Apache-2.0
"""What the database itself keeps a role from seeing or doing (I9)."""

import asyncio

import asyncpg
import pytest

from cairn.ids import TenantId
from chassis.database import Pool, see_tenants
from chassis.streams.message import Partition
from chassis.unit.epoch import hold_epochs, raise_epoch
from chassis.unit.outbox import Outgoing, Partitions
from chassis.unit.work import UnitOfWork
from tests.integration.chassis.probe.feed import consumed, result, write_rows
from tests.integration.chassis.probe.handler import Tally
from tests.integration.chassis.probe.running import Probe

AT = Partition("t", 0)
A, B = TenantId("probe-a"), TenantId("probe-b")
TENANT_TABLES = ["chassis.learner", "chassis.inbox", "probe.tally"]


async def fold_two_tenants(probe: Probe, pool: Pool) -> Tally:
    handler = Tally(probe.consumer, "t", "t.out")
    work = UnitOfWork(pool, handler, Partitions(3, {}))
    await work.claim({AT: 0})
    await work.run(
        [consumed(AT, offset, result(offset, "l1", tenant=tenant)) for offset, tenant in enumerate((A, B))]
    )
    return handler


@pytest.mark.parametrize("table", TENANT_TABLES)
async def test_a_consumer_sees_the_tenants_of_its_batch_alone(probe: Probe, pool: Pool, table: str) -> None:
    await fold_two_tenants(probe, pool)
    async with pool.acquire() as connection, connection.transaction():
        assert await connection.fetchval(f"select count(*) from {table}") == 0  # noqa: S608 - a constant
        await see_tenants(connection, [A])
        assert await connection.fetchval(f"select string_agg(distinct tenant, ',') from {table}") == A  # noqa: S608
        await see_tenants(connection, [A, B])
        assert await connection.fetchval(f"select count(distinct tenant) from {table}") == 2  # noqa: S608


async def test_a_consumer_writes_for_no_other_tenant(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await see_tenants(connection, [A])
        await write_rows(connection, [Outgoing(A, "t.out", 0, b"k", "[]", b"v")])
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await write_rows(connection, [Outgoing(B, "t.out", 0, b"k", "[]", b"v")])


async def test_a_publication_waits_for_the_units_in_flight(probe: Probe, pool: Pool) -> None:
    serve = await asyncpg.connect(probe.consume.replace("_consume", "_serve"))
    async with pool.acquire() as unit:
        in_flight = unit.transaction()
        await in_flight.start()
        await see_tenants(unit, [A])
        assert await hold_epochs(unit, [A]) == {A: 0}
        publication = asyncio.create_task(publish(serve))
        await asyncio.sleep(0.3)
        assert not publication.done()
        await in_flight.commit()
    assert await publication == 1
    await serve.close()


async def publish(connection: asyncpg.Connection) -> int:
    async with connection.transaction():
        await see_tenants(connection, [A])
        return await raise_epoch(connection, A)


async def test_rules_are_loaded_once_for_each_epoch(probe: Probe, pool: Pool) -> None:
    handler = await fold_two_tenants(probe, pool)
    assert sorted(handler.reloads) == [(A, 0), (B, 0)]
