# SPDX-License-Identifier: Apache-2.0
"""What cannot be folded holds its learner and nobody else, until it is replayed or discarded."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import pytest

from cairn.events.result import ResultRecorded
from cairn.ids import LearnerId, TenantId
from chassis.health import Health
from chassis.unit import breaker
from chassis.unit.parking import Asked, ask
from tests.integration.chassis.probe.feed import feed, result
from tests.integration.chassis.probe.handler import Tally
from tests.integration.chassis.probe.running import (
    RUNNERS,
    Probe,
    counts,
    eventually,
    histories,
    read_all,
    relaying,
    running,
)

pytestmark = pytest.mark.parametrize("runner", sorted(RUNNERS))

L1 = TenantId("probe-a"), LearnerId("l1")


@asynccontextmanager
async def consuming(probe: Probe, runner: str, *, broken: bool) -> AsyncIterator[Health]:
    handler = Tally(probe.consumer, probe.topic, probe.published)
    handler.broken = broken
    async with running(probe, runner, handler, 500) as health:
        yield health


async def ended(probe: Probe, **expected: int) -> dict[str, int]:
    """Return the counts once they are what is expected; those not named are none."""

    async def as_expected() -> bool:
        return {name: count for name, count in (await counts(probe)).items() if count} == expected

    try:
        await eventually(as_expected)
    except TimeoutError:
        assert await counts(probe) == expected
    return await counts(probe)


async def waiting(probe: Probe) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(probe.admin)
    try:
        return await connection.fetch(
            "select tenant, learner, place, outcome, reason, field from chassis.parked order by place"
        )
    finally:
        await connection.close()


async def answer(probe: Probe, request: UUID) -> tuple[str, int]:
    """Return what became of a request, once it has been carried out."""
    connection = await asyncpg.connect(probe.admin)

    async def done() -> object:
        return await connection.fetchrow(
            "select outcome, followed from chassis.replay where id = $1 and done_at is not null", request
        )

    try:
        row = await eventually(done)
    finally:
        await connection.close()
    assert isinstance(row, asyncpg.Record)
    return row["outcome"], row["followed"]


async def asked(probe: Probe, *, discard: bool = False) -> tuple[str, int]:
    """Ask about the first waiting record of all, and return what became of it."""
    first = (await waiting(probe))[0]
    learner = TenantId(first["tenant"]), LearnerId(first["learner"])
    request = uuid4()
    connection = await asyncpg.connect(probe.admin)
    for _ in range(2):  # a repeat of a request does nothing
        await ask(connection, Asked(request, learner, probe.consumer, first["place"], "op", discard))
    await connection.close()
    return await answer(probe, request)


async def asked_about_all(probe: Probe) -> list[tuple[str, int]]:
    """Ask for the replay of every learner's first waiting record at once."""
    connection = await asyncpg.connect(probe.admin)
    requests = []
    for row in await waiting(probe):
        if row["outcome"] == "dead_lettered":
            requests.append(uuid4())
            learner = TenantId(row["tenant"]), LearnerId(row["learner"])
            await ask(connection, Asked(requests[-1], learner, probe.consumer, row["place"], "op"))
    await connection.close()
    return [await answer(probe, request) for request in requests]


def one_bug(kind: str) -> Sequence[ResultRecorded]:
    return [result(1, "l1"), result(2, "l1", kind), result(3, "l1"), result(4, "l2")]


@pytest.mark.parametrize("kind", ["refused", "raising"])
async def test_what_comes_behind_a_bug_waits_until_its_replay(probe: Probe, runner: str, kind: str) -> None:
    await feed(probe.bootstrap, probe.topic, one_bug(kind))
    async with consuming(probe, runner, broken=True), relaying(probe):
        await ended(probe, applied=2, dead_lettered=1, parked=1)
        assert [(row["learner"], row["outcome"]) for row in await waiting(probe)] == [
            ("l1", "dead_lettered"),
            ("l1", "parked"),
        ]
        await feed(probe.bootstrap, probe.topic, [result(5, "l1"), result(3, "l1"), result(6, "l2")])
        await ended(probe, applied=3, dead_lettered=1, parked=2, duplicate=1)
        assert await asked(probe) == ("stays", 0)
        await ended(probe, applied=3, dead_lettered=1, parked=2, duplicate=1)
    async with consuming(probe, runner, broken=False), relaying(probe):
        assert await asked(probe) == ("applied", 2)
        await ended(probe, applied=6, duplicate=1)
        published = await read_all(probe.bootstrap, probe.published, 6)
        ((_, _, value),) = await read_all(probe.bootstrap, f"{probe.topic}.dlq", 1)
    assert await waiting(probe) == []
    assert await histories(probe) == {"probe-a/l1": ".e1.e2.e3.e5", "probe-a/l2": ".e4.e6"}
    assert len(published) == 6
    assert value is not None
    assert b'"r2"' in value


async def test_the_text_of_what_was_raised_goes_nowhere(
    probe: Probe, runner: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    await feed(probe.bootstrap, probe.topic, [result(2, "secretive", "raising")])
    async with consuming(probe, runner, broken=True):
        await ended(probe, dead_lettered=1)
    (row,) = await waiting(probe)
    assert row["reason"].startswith("raised KeyError in Tally._one, line ")
    assert "secretive" not in caplog.text + "".join(capfd.readouterr())


async def test_a_dead_letter_replayed_twice_is_folded_once(probe: Probe, runner: str) -> None:
    """Two operators ask at once, and newer records of the learner come meanwhile."""
    await feed(probe.bootstrap, probe.topic, one_bug("refused"))
    async with consuming(probe, runner, broken=True):
        await ended(probe, applied=2, dead_lettered=1, parked=1)
    await feed(probe.bootstrap, probe.topic, [result(number, "l1") for number in range(5, 25)])
    async with consuming(probe, runner, broken=False), relaying(probe):
        first = (await waiting(probe))[0]
        learner = TenantId(first["tenant"]), LearnerId(first["learner"])
        requests = [uuid4(), uuid4()]
        connection = await asyncpg.connect(probe.admin)
        for request in requests:
            await ask(connection, Asked(request, learner, probe.consumer, first["place"], "op"))
        await connection.close()
        outcomes = [(await answer(probe, request))[0] for request in requests]
        await ended(probe, applied=24)
        published = await read_all(probe.bootstrap, probe.published, 24)
    assert sorted(outcomes) == ["applied", "gone"]
    assert await waiting(probe) == []
    expected = "".join(f".e{number}" for number in (1, 2, 3, *range(5, 25)))
    assert await histories(probe) == {"probe-a/l1": expected, "probe-a/l2": ".e4"}
    assert len({value for _, _, value in published}) == len(published) == 24


async def test_a_discarded_record_lets_those_behind_it_go_on(probe: Probe, runner: str) -> None:
    await feed(probe.bootstrap, probe.topic, one_bug("refused"))
    async with consuming(probe, runner, broken=True):
        await ended(probe, applied=2, dead_lettered=1, parked=1)
        assert await asked(probe, discard=True) == ("dead_lettered", 1)
        await ended(probe, applied=3, dead_lettered=1)
    assert await histories(probe) == {"probe-a/l1": ".e1.e3", "probe-a/l2": ".e4"}


async def test_a_bug_behind_a_bug_is_the_next_to_be_looked_at(probe: Probe, runner: str) -> None:
    events = [result(1, "l1", "refused"), result(2, "l1"), result(3, "l1", "raising"), result(4, "l1")]
    await feed(probe.bootstrap, probe.topic, events)
    async with consuming(probe, runner, broken=True), relaying(probe):
        await ended(probe, dead_lettered=1, parked=3)
        assert await asked(probe, discard=True) == ("dead_lettered", 1)
        await ended(probe, applied=1, dead_lettered=2, parked=1)
        assert len(await read_all(probe.bootstrap, f"{probe.topic}.dlq", 2)) == 2
    async with consuming(probe, runner, broken=False):
        assert await asked(probe) == ("applied", 1)
        await ended(probe, applied=3, dead_lettered=1)
    assert await histories(probe) == {"probe-a/l1": ".e2.e3.e4"}


async def test_what_the_database_refuses_waits_as_well(probe: Probe, runner: str) -> None:
    events = [result(1, "l1"), result(2, "l1", "endless"), result(3, "l1"), result(4, "l1", "endless")]
    await feed(probe.bootstrap, probe.topic, [*events, result(5, "l1")])
    async with consuming(probe, runner, broken=False):
        await ended(probe, applied=1, dead_lettered=1, parked=3)
        assert await asked(probe) == ("stays", 0)
        assert await asked(probe, discard=True) == ("dead_lettered", 0)
        await ended(probe, applied=2, dead_lettered=2, parked=1)
        assert await asked(probe, discard=True) == ("dead_lettered", 1)
        await ended(probe, applied=3, dead_lettered=2)
    assert await histories(probe) == {"probe-a/l1": ".e1.e3.e5"}


async def test_a_record_that_nobody_can_read_holds_whom_its_key_names(probe: Probe, runner: str) -> None:
    await feed(probe.bootstrap, probe.topic, [result(1, "nobody"), b"junk", result(2, "nobody")])
    async with consuming(probe, runner, broken=False):
        await ended(probe, applied=1, dead_lettered=1, parked=1)
        assert await asked(probe) == ("stays", 0)
        assert await asked(probe, discard=True) == ("dead_lettered", 1)
        await ended(probe, applied=2, dead_lettered=1)
    assert await histories(probe) == {"probe-a/nobody": ".e1.e2"}


async def test_a_bad_deployment_stops_at_the_breaker(probe: Probe, runner: str) -> None:
    """It raises on every second record; the mended one loses nothing and keeps every learner's order."""
    events = [
        result(number, f"l{number % 499}", "raising" if number % 2 else "plain") for number in range(1000)
    ]
    await feed(probe.bootstrap, probe.topic, events)
    async with consuming(probe, runner, broken=True) as health:

        async def halted() -> bool:
            return "breaker" in str(health.report()) and not health.ready

        await eventually(halted)
        stopped = await counts(probe)
        assert sum(stopped.values()) <= 100
        assert stopped["dead_lettered"] == breaker.MOST_BUGS
    async with consuming(probe, runner, broken=False) as health:
        await eventually(halted)
        assert await counts(probe) == stopped
        connection = await asyncpg.connect(probe.admin)
        assert await breaker.resume(connection, probe.consumer)
        assert not await breaker.resume(connection, probe.consumer)
        await connection.close()

        async def all_counted() -> bool:
            return sum((await counts(probe)).values()) == len(events)

        await eventually(all_counted)
        assert health.ready
        assert {outcome for outcome, _ in await asked_about_all(probe)} == {"applied"}
        await ended(probe, applied=len(events))
    expected: dict[str, str] = {}
    for event in events:
        key = f"probe-a/{event.learner}"
        expected[key] = f"{expected.get(key, '')}.{event.source_event_id}"
    assert await histories(probe) == expected
