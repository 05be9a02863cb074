# SPDX-License-Identifier: Apache-2.0
"""A handler that thinks for longer than the server leaves a transaction alone."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import uuid4

import asyncpg
import pytest

from cairn.events.result import ResultRecorded
from cairn.ids import LearnerId, TenantId
from chassis import database
from chassis.database import open_pool
from chassis.streams.message import Accepted, Partition
from chassis.unit.outbox import Partitions
from chassis.unit.parking import WAITS, Asked, ask
from chassis.unit.replay import Replays
from chassis.unit.unit import Unit
from chassis.unit.work import UnitOfWork
from tests.integration.chassis.probe.feed import consumed, feed, result
from tests.integration.chassis.probe.handler import Tally
from tests.integration.chassis.probe.running import (
    RUNNERS,
    Probe,
    counts,
    eventually,
    histories,
    running,
)

_IDLE_SECONDS = 2.0
_TOO_LONG = "thought about for longer than a transaction may be idle"
TENANT = TenantId("probe-a")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "IDLE_SECONDS", _IDLE_SECONDS)


@pytest.fixture
def handler(probe: Probe) -> Tally:
    return Tally(probe.consumer, probe.topic, probe.published)


async def ended(probe: Probe, **expected: int) -> None:
    """Wait until the counts are what is expected; those not named are none."""

    async def as_expected() -> bool:
        return {name: count for name, count in (await counts(probe)).items() if count} == expected

    with suppress(TimeoutError):
        await eventually(as_expected)
    assert {name: count for name, count in (await counts(probe)).items() if count} == expected


@pytest.mark.parametrize("runner", sorted(RUNNERS))
async def test_what_is_too_much_for_one_unit_is_done_in_several(
    probe: Probe, runner: str, handler: Tally
) -> None:
    """The first unit is already too long, and all of them together five times as long as may be."""
    await feed(probe.bootstrap, probe.topic, [result(number, f"l{number % 3}") for number in range(100)])
    handler.seconds = 0.1
    async with running(probe, runner, handler, 500) as health:
        await ended(probe, applied=100)
        assert health.ready
    assert max(handler.sizes) < _IDLE_SECONDS / handler.seconds
    assert await histories(probe) == {
        f"probe-a/l{learner}": "".join(f".e{number}" for number in range(learner, 100, 3))
        for learner in range(3)
    }


@pytest.mark.parametrize("runner", sorted(RUNNERS))
async def test_a_record_that_takes_too_long_alone_is_put_aside(
    probe: Probe, runner: str, handler: Tally, admin: asyncpg.Connection
) -> None:
    events = [result(number, f"l{number % 5}", "long" if number == 12 else "plain") for number in range(25)]
    await feed(probe.bootstrap, probe.topic, events)
    handler.long_seconds = _IDLE_SECONDS + 0.5
    async with running(probe, runner, handler, 500):
        await ended(probe, applied=22, dead_lettered=1, parked=2)
    waiting = await admin.fetch("select learner, reason from chassis.parked order by place")
    assert [tuple(row) for row in waiting] == [("l2", _TOO_LONG), ("l2", WAITS.reason), ("l2", WAITS.reason)]
    found = await histories(probe)
    assert found["probe-a/l2"] == ".e2.e7"
    assert found["probe-a/l3"] == ".e3.e8.e13.e18.e23"


AT = Partition("t", 0)


async def _waiting(work: UnitOfWork, handler: Tally, admin: asyncpg.Connection, kinds: list[str]) -> None:
    """Have records of one learner wait behind a bug, and one of another; ask for both, in that order."""
    handler.broken = True
    await work.claim({AT: 0})
    events = [result(number, "l1", kind) for number, kind in enumerate(kinds)]
    events.append(result(99, "l2", "refused"))
    for number, event in enumerate(events):
        await work.run([consumed(AT, number, event)])
    handler.broken = False
    for learner in ("l1", "l2"):
        place = await admin.fetchval("select min(place) from chassis.parked where learner = $1", learner)
        about = TENANT, LearnerId(learner)
        await ask(admin, Asked(uuid4(), about, handler.consumer, place, "op"))


async def _replayed(replays: Replays) -> None:
    """Carry out requests as long as there are any, those included that they make themselves."""
    while await replays.next():
        pass


async def test_a_replay_is_done_in_several_units_as_well(
    probe: Probe, handler: Tally, admin: asyncpg.Connection
) -> None:
    async with await open_pool(probe.consume, 3) as pool:
        work = UnitOfWork(pool, handler, Partitions(3, {}))
        await _waiting(work, handler, admin, ["refused", *["plain"] * 39])
        handler.seconds = 0.1
        await _replayed(Replays(pool, work))
    await ended(probe, applied=41)
    assert await histories(probe) == {
        "probe-a/l1": "".join(f".e{number}" for number in range(40)),
        "probe-a/l2": ".e99",
    }


async def test_a_waiting_record_that_takes_too_long_holds_up_nobody_else(
    probe: Probe, handler: Tally, admin: asyncpg.Connection
) -> None:
    async with await open_pool(probe.consume, 3) as pool:
        work = UnitOfWork(pool, handler, Partitions(3, {}))
        await _waiting(work, handler, admin, ["refused", "plain", "long", "plain"])
        handler.long_seconds = _IDLE_SECONDS + 0.5
        await _replayed(Replays(pool, work))
    await ended(probe, applied=3, dead_lettered=1, parked=1)
    assert await histories(probe) == {"probe-a/l1": ".e0.e1", "probe-a/l2": ".e99"}
    reason = await admin.fetchval("select reason from chassis.parked order by place limit 1")
    assert reason == _TOO_LONG


class InTurns(Tally):
    """Thinks about a long record without keeping the loop, as if it had one of its own."""

    async def fold(self, unit: Unit, accepted: Sequence[Accepted[ResultRecorded]]) -> None:
        if any(each.event.activity.endswith("/long") for each in accepted):
            await asyncio.sleep(_IDLE_SECONDS + 0.5)
        await super().fold(unit, accepted)


async def test_nor_does_it_where_two_workers_take_it_from_each_other(
    probe: Probe, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server lets go of the request while its worker still thinks, and the other takes it."""
    monkeypatch.setattr("chassis.unit.requests._LOOK_SECONDS", 0.05)
    handlers = [InTurns(probe.consumer, probe.topic, probe.published) for _ in range(2)]
    stop = asyncio.Event()
    async with await open_pool(probe.consume, 3) as one, await open_pool(probe.consume, 3) as other:
        works = [
            UnitOfWork(pool, handler, Partitions(3, {}))
            for pool, handler in zip((one, other), handlers, strict=True)
        ]
        await _waiting(works[0], handlers[0], admin, ["refused", "plain", "long", "plain"])
        replaying = [
            asyncio.create_task(Replays(pool, work).run(stop))
            for pool, work in zip((one, other), works, strict=True)
        ]
        await ended(probe, applied=3, dead_lettered=1, parked=1)
        stop.set()
        await asyncio.gather(*replaying)
    assert await histories(probe) == {"probe-a/l1": ".e0.e1", "probe-a/l2": ".e99"}
