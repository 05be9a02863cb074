# SPDX-License-Identifier: Apache-2.0
"""A log that is not what its consumer left: refused by name, and accepted by an operator's command alone."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from uuid import uuid4

import asyncpg
import pytest

from cairn.events.result import ResultRecorded
from cairn.ids import LearnerId, TenantId
from chassis.database import open_pool
from chassis.operations.store import OperationsStore
from chassis.streams import claim_watch
from chassis.streams.topic_ids import read_topic_ids
from chassis.unit.losses import RecordsLost
from chassis.unit.parking import Asked, ask
from tests.integration.chassis.probe.feed import feed, result
from tests.integration.chassis.probe.handler import Tally
from tests.integration.chassis.probe.running import (
    RUNNERS,
    Probe,
    all_is_sent,
    consuming,
    counts,
    ends_by_itself,
    eventually,
    histories,
    read_all,
    relaying,
    running,
)
from tests.integration.chassis.probe.topics import lost, make_again

pytestmark = pytest.mark.parametrize("runner", sorted(RUNNERS))


@pytest.fixture
async def store(probe: Probe) -> AsyncIterator[OperationsStore]:
    pool = await open_pool(probe.serve, 2)
    yield OperationsStore(pool)
    await pool.close()


def results(numbers: range) -> list[ResultRecorded]:
    return [result(number, f"l{number % 4}") for number in numbers]


def folded(events: Sequence[ResultRecorded]) -> dict[str, str]:
    """Fold the results one by one, without anything of the chassis."""
    found: dict[str, str] = {}
    for event in events:
        key = f"probe-a/{event.learner}"
        found[key] = f"{found.get(key, '')}.{event.source_event_id}"
    return found


async def ended(probe: Probe, records: int) -> dict[str, int]:
    async def all_of_them() -> bool:
        return sum((await counts(probe)).values()) == records

    await eventually(all_of_them)
    return await counts(probe)


async def refused(probe: Probe, runner: str) -> str:
    """Return with which words a consumer ends."""
    with pytest.raises(RecordsLost) as caught:
        await ends_by_itself(probe, runner)
    return caught.value.reason


async def taken(probe: Probe, runner: str, events: Sequence[ResultRecorded], records: int) -> dict[str, int]:
    """Have events consumed, and all that they lead to published; return the outcomes."""
    await feed(probe.bootstrap, probe.topic, events)
    async with consuming(probe, runner), relaying(probe):
        found = await ended(probe, records)
        await eventually(lambda: all_is_sent(probe))
        return found


async def test_a_topic_made_again_is_refused_until_an_operator_accepts_it(
    probe: Probe, runner: str, store: OperationsStore
) -> None:
    await taken(probe, runner, results(range(60)), 60)
    before = (await read_topic_ids(probe.bootstrap, [probe.topic]))[probe.topic]
    await make_again(probe.bootstrap, probe.topic)
    after = (await read_topic_ids(probe.bootstrap, [probe.topic]))[probe.topic]
    # Longer than what was consumed, so that no offset is out of range: only the id tells.
    await feed(probe.bootstrap, probe.topic, results(range(40, 160)))

    said = [await refused(probe, runner) for _ in range(2)]
    (noticed,) = await store.losses()
    assert said[0] == said[1], "one loss, however often it is met"
    assert f"its id was {before} and is {after}, and the progress stands at [0] " in said[0]
    assert f"`cairn consumers accept consumers/{probe.consumer}/losses/{noticed.number}`" in said[0]
    stood = [int(offset) for offset in re.findall(r"\[\d+\] (\d+)", said[0])]
    assert sum(stood) == 60
    assert sum((await counts(probe)).values()) == 60, "nothing was taken"

    assert await store.accept(probe.consumer, noticed.number, "op")
    assert await store.accept(probe.consumer, noticed.number, "op") is False
    found = await taken(probe, runner, [], 180)
    assert (found["applied"], found["duplicate"]) == (160, 20)
    assert await histories(probe) == folded(results(range(160)))
    assert len(await read_all(probe.bootstrap, probe.published, 160)) == 160
    assert await store.losses() == []


async def test_a_topic_made_again_under_a_running_consumer_ends_it(
    probe: Probe, runner: str, store: OperationsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_watch, "_LOOK_SECONDS", 0.3)
    await feed(probe.bootstrap, probe.topic, results(range(60)))

    async def made_again_meanwhile() -> None:
        async with consuming(probe, runner):
            await ended(probe, 60)
            await make_again(probe.bootstrap, probe.topic)
            await feed(probe.bootstrap, probe.topic, results(range(40, 80)))
            await eventually(store.losses)

    with pytest.raises(RecordsLost, match="was made again"):
        await made_again_meanwhile()
    assert sum((await counts(probe)).values()) == 60
    (noticed,) = await store.losses()
    assert await store.accept(probe.consumer, noticed.number, "op")
    found = await taken(probe, runner, [], 100)
    assert (found["applied"], found["duplicate"]) == (80, 20)
    assert await histories(probe) == folded(results(range(80)))


async def test_a_lost_range_is_accepted_by_its_name_and_no_other(
    probe: Probe, runner: str, store: OperationsStore, delete_before: Callable[[Probe], Awaitable[None]]
) -> None:
    await taken(probe, runner, results(range(60)), 60)
    await feed(probe.bootstrap, probe.topic, results(range(60, 120)))
    await delete_before(probe)
    said = await refused(probe, runner)
    noticed = await store.losses()
    assert sum(lost(said)) == 60
    assert len(lost(said)) == len(noticed) == said.count("`cairn consumers accept ")

    # More is lost before the operator has decided: what was named then is accepted, and no more.
    await feed(probe.bootstrap, probe.topic, results(range(120, 180)))
    await delete_before(probe)
    await refused(probe, runner)
    for each in noticed:
        assert await store.accept(probe.consumer, each.number, "op")
    said = await refused(probe, runner)
    assert all(f"has lost the records {each.loss.log_start} to " in said for each in noticed)
    for each in await store.losses():
        assert await store.accept(probe.consumer, each.number, "op")
    found = await taken(probe, runner, results(range(180, 184)), 64)
    assert found["applied"] == 64
    assert await histories(probe) == folded([*results(range(60)), *results(range(180, 184))])


async def test_a_log_that_ends_before_the_progress_is_refused_and_goes_on_where_it_ends(
    probe: Probe, runner: str, store: OperationsStore
) -> None:
    await taken(probe, runner, results(range(60)), 60)
    # As if the broker had lost what it had acknowledged: the next records have offsets that were used before.
    connection = await asyncpg.connect(probe.admin)
    await connection.execute("update chassis.fence set next_offset = next_offset + 10")
    await connection.close()

    said = await refused(probe, runner)
    noticed = await store.losses()
    assert lost(said) == [10] * len(noticed)
    assert said.count(", which were consumed; ") == len(noticed)
    for each in noticed:
        assert await store.accept(probe.consumer, each.number, "op")
    await taken(probe, runner, results(range(60, 90)), 90)
    assert await histories(probe) == folded(results(range(90)))


async def test_who_accepts_stays_on_record_and_what_is_not_there_is_not_accepted(
    probe: Probe, runner: str, store: OperationsStore
) -> None:
    await taken(probe, runner, results(range(8)), 8)
    await make_again(probe.bootstrap, probe.topic)
    await refused(probe, runner)
    (noticed,) = await store.losses()
    assert await store.accept(probe.consumer, noticed.number + 1, "op") is None
    assert await store.accept("another", noticed.number, "op") is None
    assert await store.accept(probe.consumer, noticed.number, "registrar") is True
    connection = await asyncpg.connect(probe.admin)
    try:
        rows = await connection.fetch("select accepted_by, accepted_at is null as open from chassis.loss")
    finally:
        await connection.close()
    assert [tuple(row) for row in rows] == [("registrar", False)]


async def test_what_waits_of_both_logs_at_one_place_is_folded_once(
    probe: Probe, runner: str, store: OperationsStore
) -> None:
    """A record of the old log and one of the new have the same partition and offset, and the second fails."""
    await feed(probe.bootstrap, probe.topic, [result(1, "l1", "refused"), result(2, "l1")])
    await broken(probe, runner, 2)
    await make_again(probe.bootstrap, probe.topic)
    await feed(probe.bootstrap, probe.topic, [result(3, "l1"), result(4, "l1", "refused")])
    await refused(probe, runner)
    (noticed,) = await store.losses()
    assert await store.accept(probe.consumer, noticed.number, "op")
    await broken(probe, runner, 4)
    assert await histories(probe) == {"probe-a/l1": ".e2.e3"}
    async with consuming(probe, runner):
        await nothing_waits_but(probe, 0, discard=False)
    assert await histories(probe) == {"probe-a/l1": ".e2.e3.e4"}


async def broken(probe: Probe, runner: str, records: int) -> None:
    """Consume with a handler that refuses; pass the first record over once all are there."""
    handler = Tally(probe.consumer, probe.topic, probe.published)
    handler.broken = True
    async with running(probe, runner, handler, 500):
        await ended(probe, records)
        if records == 4:
            await nothing_waits_but(probe, 1, discard=True)


async def nothing_waits_but(probe: Probe, waiting: int, *, discard: bool) -> None:
    """Ask about the first record that waits, until no more wait than this."""
    connection = await asyncpg.connect(probe.admin)
    place = await connection.fetchval("select min(place) from chassis.parked")
    learner = TenantId("probe-a"), LearnerId("l1")
    await ask(connection, Asked(uuid4(), learner, probe.consumer, place, "op", discard))

    async def done() -> bool:
        return (
            await connection.fetchval(
                "select (select count(*) from chassis.parked) <= $1"
                " and not exists (select from chassis.replay where done_at is null)",
                waiting,
            )
            is True
        )

    try:
        await eventually(done)
    finally:
        await connection.close()


async def test_progress_of_before_there_were_ids_takes_the_one_that_is_there(
    probe: Probe, runner: str, store: OperationsStore
) -> None:
    await taken(probe, runner, results(range(12)), 12)
    connection = await asyncpg.connect(probe.admin)
    await connection.execute("update chassis.fence set topic_id = null")
    await taken(probe, runner, results(range(12, 20)), 20)
    ids = await connection.fetch("select distinct topic_id from chassis.fence")
    await connection.close()
    found = await read_topic_ids(probe.bootstrap, [probe.topic])
    assert [row["topic_id"] for row in ids] == list(found.values())
    assert await store.losses() == []
