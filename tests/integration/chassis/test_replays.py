# SPDX-License-Identifier: Apache-2.0
"""Requests about waiting records, carried out one after the other, whatever one of them meets."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import pytest
from structlog.testing import capture_logs

from cairn.events.result import ResultRecorded
from cairn.ids import LearnerId, TenantId
from chassis.database import Pool
from chassis.errors import Reject
from chassis.streams.message import Accepted, Message, Partition, Record
from chassis.unit import attempt, requests
from chassis.unit.outbox import Partitions
from chassis.unit.parking import Asked, ask
from chassis.unit.replay import Replays
from chassis.unit.unit import Unit
from chassis.unit.work import UnitOfWork
from tests.integration.chassis.probe.feed import EPOCH, consumed, result
from tests.integration.chassis.probe.handler import Tally
from tests.integration.chassis.probe.running import Probe, counts, histories

AT = Partition("t", 0)
record = partial(consumed, AT)


class Reader(Tally):
    """Reads nothing until it is of a version that can; ``stumbles`` where it loads what is of one learner."""

    reads = False
    stumbles = ""

    def decode(self, record: Record) -> Message[ResultRecorded]:
        if not self.reads:
            raise Reject("unknown_major", "type")
        return super().decode(record)

    async def fold(self, unit: Unit, accepted: Sequence[Accepted[ResultRecorded]]) -> None:
        if self.stumbles in {each.message.learner for each in accepted}:
            raise KeyError(self.stumbles)
        await super().fold(unit, accepted)


@pytest.fixture
def reader(probe: Probe) -> Reader:
    return Reader(probe.consumer, "t", "t.out")


@pytest.fixture
async def work(reader: Reader, pool: Pool) -> UnitOfWork:
    work = UnitOfWork(pool, reader, Partitions(3, {}))
    await work.claim({AT: 0})
    return work


async def asked(admin: asyncpg.Connection, probe: Probe, learner: str = "l1") -> UUID:
    """Ask about a learner's first waiting record."""
    place = await admin.fetchval("select min(place) from chassis.parked where learner = $1", learner)
    about = TenantId("probe-a"), LearnerId(learner)
    request = uuid4()
    await ask(admin, Asked(request, about, probe.consumer, place, "op"))
    return request


async def outcome(admin: asyncpg.Connection, request: UUID) -> str | None:
    found: str | None = await admin.fetchval("select outcome from chassis.replay where id = $1", request)
    return found


async def test_two_copies_of_what_nobody_could_read_are_folded_once(
    probe: Probe, reader: Reader, work: UnitOfWork, pool: Pool, admin: asyncpg.Connection
) -> None:
    await work.run([record(0, result(1, "l1")), record(1, result(1, "l1")), record(2, result(2, "l1"))])
    reader.reads = True
    await asked(admin, probe)

    assert await Replays(pool, work).next()

    found = await counts(probe)
    assert (found["applied"], found["duplicate"], found["parked"]) == (2, 1, 0)
    assert await histories(probe) == {"probe-a/l1": ".e1.e2"}


async def test_what_waits_behind_a_refusal_is_folded_later(
    probe: Probe, reader: Reader, work: UnitOfWork, pool: Pool, admin: asyncpg.Connection
) -> None:
    """None of the three could be read when it came; the second is refused by the version that reads them."""
    await work.run(
        [record(0, result(1, "l1")), record(1, result(2, "l1", "refused")), record(2, result(3, "l1"))]
    )
    reader.reads = reader.broken = True
    await asked(admin, probe)
    assert await Replays(pool, work).next()
    found = await counts(probe)
    assert (found["applied"], found["dead_lettered"], found["parked"]) == (1, 1, 1)

    reader.broken = False
    await asked(admin, probe)
    assert await Replays(pool, work).next()
    found = await counts(probe)
    assert (found["applied"], found["duplicate"], found["parked"]) == (3, 0, 0)
    assert await histories(probe) == {"probe-a/l1": ".e1.e2.e3"}


async def test_a_replay_opens_a_day_on_which_nothing_else_came(
    probe: Probe, reader: Reader, work: UnitOfWork, pool: Pool, admin: asyncpg.Connection
) -> None:
    await work.run([record(0, result(1, "l1", as_of=EPOCH - timedelta(days=7)))])
    reader.reads = True
    await asked(admin, probe)

    # Were it to wait for itself, the lock would be refused only after 20 s.
    async with asyncio.timeout(10):
        assert await Replays(pool, work).next()

    assert await histories(probe) == {"probe-a/l1": ".e1"}


async def test_a_request_that_fails_does_not_hold_up_the_next(
    probe: Probe, reader: Reader, work: UnitOfWork, pool: Pool, admin: asyncpg.Connection
) -> None:
    await work.run([record(0, result(1, "l1")), record(1, result(2, "l2"))])
    reader.reads, reader.stumbles = True, "l1"
    failing, following = await asked(admin, probe), await asked(admin, probe, "l2")

    replays = Replays(pool, work)
    assert [await replays.next() for _ in range(3)] == [True, True, False]

    assert (await outcome(admin, failing), await outcome(admin, following)) == ("failed", "applied")
    assert await histories(probe) == {"probe-a/l2": ".e2"}
    assert (await counts(probe))["parked"] == 1


async def test_what_the_consumer_itself_asks_for_is_asked_for_until_it_is_done(
    probe: Probe,
    reader: Reader,
    work: UnitOfWork,
    pool: Pool,
    admin: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It asks for what one request does not take; nobody would be told that it has failed."""
    monkeypatch.setattr(attempt, "_MOST", 1)
    monkeypatch.setattr(requests, "_AGAIN_SECONDS", 0.5)
    await work.run([record(0, result(1, "l1")), record(1, result(2, "l1")), record(2, result(3, "l2"))])
    reader.reads = True
    replays = Replays(pool, work)
    await asked(admin, probe)
    assert await replays.next()

    reader.stumbles = "l1"
    following = await asked(admin, probe, "l2")
    with capture_logs() as lines:
        assert [await replays.next() for _ in range(3)] == [True, True, False]
    assert [(line["event"], line["log_level"]) for line in lines] == [("replay failed", "error")]
    assert await outcome(admin, following) == "applied"
    reader.stumbles = ""
    await asyncio.sleep(0.5)
    assert await replays.next()

    assert await histories(probe) == {"probe-a/l1": ".e1.e2", "probe-a/l2": ".e3"}
    assert (await counts(probe))["parked"] == 0


async def test_a_second_content_that_shows_only_now_is_told_as_a_conflict(
    probe: Probe, reader: Reader, work: UnitOfWork, pool: Pool, admin: asyncpg.Connection
) -> None:
    await work.run([record(0, result(1, "l1")), record(1, result(1, "l1", "another"))])
    reader.reads = True
    await asked(admin, probe)

    assert await Replays(pool, work).next()

    found = await counts(probe)
    assert (found["applied"], found["dead_lettered"], found["parked"]) == (1, 1, 0)
    assert await admin.fetchval("select reason from chassis.dead_letter") == "conflict"
    headers = await admin.fetchval("select headers from chassis.outbox where topic = 't.dlq'")
    assert '["cairn_dlq_reason","conflict"]' in headers


async def test_who_finds_another_at_a_request_rests(
    probe: Probe, reader: Reader, work: UnitOfWork, pool: Pool, admin: asyncpg.Connection
) -> None:
    await work.run([record(0, result(1, "l1"))])
    reader.reads = True
    request = await asked(admin, probe)
    async with admin.transaction():
        await admin.execute("select from chassis.replay where id = $1 for update", request)
        assert await Replays(pool, work).next() is False
    assert await Replays(pool, work).next()
    assert await outcome(admin, request) == "applied"


async def test_a_null_header_reaches_the_dead_letters(
    probe: Probe, reader: Reader, work: UnitOfWork, admin: asyncpg.Connection
) -> None:
    reader.reads = reader.broken = True
    bug = record(0, result(1, "l1", "raising"))
    null: tuple[str, bytes] = ("agent", None)  # type: ignore[assignment]  # as aiokafka hands it on

    await work.run([bug._replace(headers=(*bug.headers, null))])

    assert (await counts(probe))["dead_lettered"] == 1
    headers = await admin.fetchval("select headers from chassis.outbox where topic = 't.dlq'")
    assert '["agent",""]' in headers


async def test_all_may_open_a_day_at_once(probe: Probe) -> None:
    days = [(EPOCH - timedelta(days=number)).date() for number in range(10, 20)]
    pools = [await asyncpg.create_pool(probe.consume, min_size=4, max_size=4) for _ in range(2)]
    for day in days:
        opening = [pool.execute("select chassis.open_inbox_day($1)", day) for pool in pools for _ in range(4)]
        await asyncio.gather(*opening)
    for pool in pools:
        await pool.close()
