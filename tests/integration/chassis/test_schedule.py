# SPDX-License-Identifier: Apache-2.0
"""Timers and scans on a real database: told once, by one holder, for the tenants named and no other."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from cairn.ids import LearnerId, TenantId
from chassis.database import Connection, Pool, open_pool, see_tenants
from chassis.errors import Conflict
from chassis.health import Health
from chassis.operations.store import OperationsStore
from chassis.relay.lease import Lease, take_lease
from chassis.schedule.due_rows import DueRows
from chassis.schedule.job import LeasedJob
from chassis.schedule.publication import begin_scan
from chassis.schedule.scans import Scans, ScanSettings
from chassis.unit.due import Due, Timers
from chassis.unit.outbox import Partitions
from chassis.unit.unit import Unit
from tests.integration.chassis.probe.running import Probe, eventually

A, B = TenantId("probe-a"), TenantId("probe-b")
PAST = datetime(2026, 1, 1, tzinfo=UTC)
PARTITIONS = Partitions(3, {})
# A learner whose id the first node begins.
AFFECTED = """
select chunk.id, starts_with(chunk.id, ($4::text[])[1])
from (select id from chassis.learner where tenant = $1 and id > $2 order by id limit $3) as chunk
"""


@pytest.fixture
async def schedule(probe: Probe) -> AsyncIterator[Pool]:
    pool = await open_pool(probe.consume.replace("_consume", "_schedule"), 4)
    yield pool
    await pool.close()


def due(number: int = 1, tenant: TenantId = A, at: datetime = PAST) -> Due:
    return Due(at, "lapse", "c", tenant, LearnerId(f"l{number:04}"))


async def write(pool: Pool, *timers: Due, gone: tuple[Due, ...] = ()) -> None:
    """Set and take back timers as a unit of work does."""
    async with pool.acquire() as connection, connection.transaction():
        await see_tenants(connection, [A, B])
        unit = Unit(connection, PARTITIONS, timers=Timers(gone))
        for each in gone:
            unit.cancel_due(each.tenant, each.learner, each.kind, each.ref)
        for each in timers:
            unit.due(each)
        await unit.timers.store(connection, unit.writes)
        await unit.writes.carry_out(connection, "select 1")


async def hold(pool: Pool, name: str, seconds: float = 60, holder: str = "one") -> Lease:
    lease = await take_lease(pool, name, holder, timedelta(seconds=seconds))  # type: ignore[arg-type]
    assert lease is not None
    return lease


async def look(probe: Probe, query: str, *parameters: Any) -> list[Any]:
    connection: Connection = await asyncpg.connect(probe.admin)
    try:
        return [tuple(row) for row in await connection.fetch(query, *parameters)]
    finally:
        await connection.close()


async def told(probe: Probe) -> list[dict[str, Any]]:
    rows = await look(
        probe, "select value from chassis.outbox where topic = 'probe.reevaluations.v1' order by id"
    )
    return [json.loads(value) for (value,) in rows]


async def test_what_has_fallen_due_is_told_once_and_what_has_not_is_not(
    probe: Probe, pool: Pool, schedule: Pool
) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    await write(pool, due(1), due(2, B), due(3, at=later))
    rows = DueRows(schedule, "probe", PARTITIONS)
    lease = await hold(schedule, "due")
    for _ in range(3):
        await rows.turn(lease)
    found = await told(probe)
    assert [(each["tenant"], each["learner"]) for each in found] == [(A, "l0001"), (B, "l0002")]
    assert {datetime.fromisoformat(each["as_of"]) for each in found} == {PAST}
    assert await look(probe, "select count(*) from chassis.due") == [(3,)], "whoever fires it deletes it"


async def test_a_timer_that_is_set_again_is_told_again(probe: Probe, pool: Pool, schedule: Pool) -> None:
    rows = DueRows(schedule, "probe", PARTITIONS)
    lease = await hold(schedule, "due")
    await write(pool, due())
    await rows.turn(lease)
    await write(pool, gone=(due(),))
    await rows.turn(lease)
    await write(pool, due())
    await rows.turn(lease)
    first, again = await told(probe)
    assert first["as_of"] == again["as_of"]
    assert first["reevaluation_id"] != again["reevaluation_id"], "else the inbox would call it a duplicate"


async def test_a_holder_that_slept_past_its_lease_tells_nothing(
    probe: Probe, pool: Pool, schedule: Pool
) -> None:
    await write(pool, due())
    sleeper = await hold(schedule, "due", -1)
    await hold(schedule, "due", holder="other")
    with pytest.raises(Conflict):
        await DueRows(schedule, "probe", PARTITIONS).turn(sleeper)
    assert await told(probe) == []


async def test_two_jobs_at_once_tell_each_timer_once(probe: Probe, pool: Pool, schedule: Pool) -> None:
    await write(pool, *(due(number) for number in range(1200)))
    stop = asyncio.Event()
    health = [Health(), Health()]
    running = [
        asyncio.create_task(
            DueRows(schedule, "probe", PARTITIONS).run(LeasedJob("due", schedule, str(number), each), stop)
        )
        for number, each in enumerate(health)
    ]

    async def all_told() -> bool:
        return len(await told(probe)) >= 1200

    await eventually(all_told)
    await asyncio.sleep(1.2)
    stop.set()
    await asyncio.gather(*running)
    found = await told(probe)
    assert len({each["reevaluation_id"] for each in found}) == len(found) == 1200
    assert all(each.ready for each in health), "one stands by"


async def learners(pool: Pool, tenant: TenantId, numbers: range) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await see_tenants(connection, [tenant])
        await connection.executemany(
            "insert into chassis.learner (tenant, id, as_of) values ($1, $2, $3)",
            [(tenant, f"{'odd' if number % 2 else 'even'}-{number:03}", PAST) for number in numbers],
        )


async def begin(probe: Probe, tenant: TenantId, epoch: int = 1, node: str = "odd") -> None:
    serve = await asyncpg.connect(probe.consume.replace("_consume", "_serve"))
    async with serve.transaction():
        await see_tenants(serve, [tenant])
        await begin_scan(serve, tenant, epoch, [node])
    await serve.close()


async def test_a_scan_goes_on_where_it_was_broken_off_and_tells_the_affected_alone(
    probe: Probe, pool: Pool, schedule: Pool
) -> None:
    await learners(pool, A, range(50))
    await learners(pool, B, range(50))
    await begin(probe, A)
    lease = await hold(schedule, "scan")
    for _ in range(9):  # each by a process that knows nothing of the one before
        await Scans(schedule, PARTITIONS, ScanSettings("probe", AFFECTED, 100, 7)).turn(lease)
    found = await told(probe)
    assert {(each["tenant"], each["epoch"]) for each in found} == {(A, 1)}
    assert [each["learner"] for each in found] == [f"odd-{number:03}" for number in range(1, 50, 2)]
    counts = await look(probe, "select looked_at, told, finished_at is not null from chassis.scan")
    assert counts == [(50, 25, True)]


async def test_a_scan_rests_as_its_rate_asks_for_and_stands_while_paused(
    probe: Probe, pool: Pool, schedule: Pool
) -> None:
    await learners(pool, A, range(50))
    await begin(probe, A)
    scans = Scans(schedule, PARTITIONS, ScanSettings("probe", AFFECTED, 10, 20))
    lease = await hold(schedule, "scan")
    assert [await scans.turn(lease), await scans.turn(lease)] == [0.0, 1.5]
    await look(probe, "update chassis.scan set paused = true")
    assert await scans.turn(lease) == 1.0
    assert await look(probe, "select looked_at from chassis.scan") == [(40,)]
    await look(probe, "update chassis.scan set paused = false")
    await scans.turn(lease)
    assert await look(probe, "select looked_at, told from chassis.scan") == [(50, 25)]


async def test_where_there_is_no_learner_there_is_nothing_to_scan(probe: Probe, pool: Pool) -> None:
    await learners(pool, B, range(3))
    await begin(probe, A)
    assert await look(probe, "select * from chassis.scan") == []


async def test_the_job_sees_no_learner_of_a_tenant_that_it_did_not_name(pool: Pool, schedule: Pool) -> None:
    await learners(pool, A, range(3))
    async with schedule.acquire() as connection, connection.transaction():
        assert await connection.fetchval("select count(id) from chassis.learner") == 0
        await see_tenants(connection, [A])
        assert await connection.fetchval("select count(id) from chassis.learner") == 3


@pytest.mark.parametrize(
    "change",
    [
        "delete from chassis.due",
        "update chassis.due set at = now()",
        "select as_of from chassis.learner",
        "update chassis.scan set paused = true",
        "insert into chassis.outbox (tenant, topic, partition, headers) values ('probe-b', 't', 0, '[]')",
    ],
)
async def test_the_job_may_not(schedule: Pool, change: str) -> None:
    async with schedule.acquire() as connection, connection.transaction():
        await see_tenants(connection, [A])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(change)


@pytest.mark.parametrize(("topic", "again"), [("probe.reevaluations.v1", 2), ("probe.results.v1", 1)])
async def test_what_a_lost_log_of_re_evaluations_said_is_told_again(
    probe: Probe, pool: Pool, schedule: Pool, topic: str, again: int
) -> None:
    await write(pool, due(1))
    await learners(pool, A, range(4))
    await begin(probe, A)
    rows, timers = DueRows(schedule, "probe", PARTITIONS), await hold(schedule, "due")
    scans, scan = (
        Scans(schedule, PARTITIONS, ScanSettings("probe", AFFECTED, 100, 7)),
        await hold(schedule, "scan"),
    )
    for _ in range(2):
        await rows.turn(timers)
        await scans.turn(scan)
    assert Counter(each["reevaluation_id"] for each in await told(probe)).total() == 3
    await look(probe, "insert into chassis.fence values ('probe', $1, 0, 5)", topic)
    await look(
        probe,
        "insert into chassis.loss (consumer, topic, partition, next_offset, log_start)"
        " values ('probe', $1, 0, 5, 9)",
        topic,
    )
    serve = await open_pool(probe.serve, 1)
    assert await OperationsStore(serve).accept("probe", 1, "registrar")
    await serve.close()
    for _ in range(2):
        await rows.turn(timers)
        await scans.turn(scan)
    assert set(Counter(each["reevaluation_id"] for each in await told(probe)).values()) == {again}
    assert await look(probe, "select told, finished_at is not null from chassis.scan") == [(2, True)]
