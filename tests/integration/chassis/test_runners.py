# SPDX-License-Identifier: Apache-2.0
"""The contract of a stream runner, proved on both against a real broker and a real database."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.errors import Bug
from tests.integration.chassis.probe.feed import EPOCH, feed, result
from tests.integration.chassis.probe.handler import Tally
from tests.integration.chassis.probe.running import (
    RUNNERS,
    Probe,
    consuming,
    counts,
    ends_by_itself,
    eventually,
    histories,
    read_all,
    relaying,
    running,
)

pytestmark = pytest.mark.parametrize("runner", sorted(RUNNERS))


async def until(probe: Probe, records: int) -> dict[str, int]:
    """Return the outcome counts once they add up to a number of records."""

    async def add_up() -> dict[str, int]:
        found = await counts(probe)
        return found if sum(found.values()) >= records else {}

    found = await eventually(add_up)
    assert isinstance(found, dict)
    assert sum(found.values()) == records
    return found


async def test_every_record_ends_exactly_once(probe: Probe, runner: str) -> None:
    events = [result(number, f"l{number % 20}") for number in range(1000)]
    await feed(probe.bootstrap, probe.topic, [*events, b"junk", *events[:50]])
    async with consuming(probe, runner), relaying(probe):
        assert await until(probe, 1051) == {
            "applied": 1000,
            "duplicate": 50,
            "ignored": 0,
            "parked": 0,
            "dead_lettered": 1,
        }
        assert len(await read_all(probe.bootstrap, probe.published, 1000)) == 1000
        ((key, _, value),) = await read_all(probe.bootstrap, f"{probe.topic}.dlq", 1)
        assert (key, value) == ("probe-a/nobody", b"junk")
    assert sum(history.count(".") for history in (await histories(probe)).values()) == 1000


async def test_first_content_of_an_id_is_kept(probe: Probe, runner: str) -> None:
    first = result(1, "l1")
    other = replace(first, activity="https://probe.example/other")
    await feed(probe.bootstrap, probe.topic, [first, other, first])
    async with consuming(probe, runner), relaying(probe):
        found = await until(probe, 3)
        await read_all(probe.bootstrap, f"{probe.topic}.dlq", 1)
    assert (found["applied"], found["duplicate"], found["dead_lettered"]) == (1, 1, 1)
    assert await histories(probe) == {"probe-a/l1": ".e1"}


@pytest.mark.parametrize("batch_size", [1, 7, 500])
async def test_a_batch_is_only_a_transaction_boundary(probe: Probe, runner: str, batch_size: int) -> None:
    kinds = ["plain", "timed", "ignored", "plain", "ignored"]
    events = [
        result(number, f"l{number % 3}", kinds[number % 5], as_of=EPOCH + timedelta(hours=6 * number))
        for number in range(90)
    ]
    await feed(probe.bootstrap, probe.topic, events)
    async with consuming(probe, runner, batch_size):
        found = await until(probe, 90)
    assert (found["applied"], found["ignored"]) == (54, 36)
    assert await histories(probe) == expected_histories(90, kinds)


async def test_a_slow_handler_is_given_fewer_records_and_the_loop_its_turns(
    probe: Probe, runner: str
) -> None:
    events = [result(number, f"l{number % 3}") for number in range(300)]
    handler = Tally(probe.consumer, probe.topic, probe.published)
    handler.seconds = 0.01
    longest = 0.0

    async def turns() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - began)

    await feed(probe.bootstrap, probe.topic, events[:150])
    turning = asyncio.create_task(turns())
    async with running(probe, runner, handler, 500):
        await until(probe, 150)
        await feed(probe.bootstrap, probe.topic, events[150:])
        await until(probe, 300)
    turning.cancel()
    assert sum(handler.sizes) == 300
    assert len([size for size in handler.sizes if size > 20]) <= 1, "the first, from which it is learnt"
    assert len(handler.sizes) > 8
    assert longest < 0.5, "else the loop has waited for a whole unit"
    assert await histories(probe) == {
        f"probe-a/l{learner}": "".join(f".e{number}" for number in range(learner, 300, 3))
        for learner in range(3)
    }


def expected_histories(number_of_results: int, kinds: list[str]) -> dict[str, str]:
    """Fold the results one by one, without anything of the chassis."""
    folded: dict[str, str] = {}
    counted: dict[str, int] = {}
    timers: dict[str, list[tuple[int, int]]] = {}
    for number in range(number_of_results):
        learner, kind, hour = f"probe-a/l{number % 3}", kinds[number % 5], 6 * number
        waiting = timers.setdefault(learner, [])
        fired = sorted(timer for timer in waiting if timer[0] <= hour)
        timers[learner] = [timer for timer in waiting if timer[0] > hour]
        folded[learner] = folded.get(learner, "") + "".join(f"!{ref}" for _, ref in fired)
        if kind == "ignored":
            continue
        folded[learner] += f".e{number}"
        if kind == "timed":
            timers[learner].append((hour + 24, counted.get(learner, 0)))
        counted[learner] = counted.get(learner, 0) + 1
    return folded


async def test_a_record_that_the_database_refuses_is_found_and_buried_alone(
    probe: Probe, runner: str
) -> None:
    events = [result(number, f"l{number}", "endless" if number == 37 else "plain") for number in range(100)]
    await feed(probe.bootstrap, probe.topic, events)
    async with consuming(probe, runner), relaying(probe):
        found = await until(probe, 100)
        (key, _, _) = (await read_all(probe.bootstrap, f"{probe.topic}.dlq", 1))[0]
    assert (found["applied"], found["dead_lettered"]) == (99, 1)
    assert key == "probe-a/l37"
    assert "probe-a/l37" not in await histories(probe)


async def test_a_restart_goes_on_where_the_database_stands(probe: Probe, runner: str) -> None:
    events = [result(number, f"l{number % 4}") for number in range(300)]
    await feed(probe.bootstrap, probe.topic, events[:100])
    async with consuming(probe, runner):
        await until(probe, 100)
    await feed(probe.bootstrap, probe.topic, events[100:])
    async with consuming(probe, runner):
        found = await until(probe, 300)
    assert found["applied"] == 300
    assert found["duplicate"] == 0


async def test_a_progress_set_back_is_followed(probe: Probe, runner: str, set_back: object) -> None:
    """The database restored from a backup: Kafka's committed offsets are ahead of the truth."""
    assert callable(set_back)
    await feed(probe.bootstrap, probe.topic, [result(number, f"l{number % 4}") for number in range(200)])
    async with consuming(probe, runner):
        await until(probe, 200)
    await set_back(probe)
    async with consuming(probe, runner):
        await until(probe, 200)
    assert sum(history.count(".") for history in (await histories(probe)).values()) == 200


async def test_lost_records_stop_the_consumer(probe: Probe, runner: str, delete_before: object) -> None:
    """The log begins above the stored progress: nothing goes on until an operator accepts the gap."""
    assert callable(delete_before)
    await feed(probe.bootstrap, probe.topic, [result(number, f"l{number % 4}") for number in range(60)])
    async with consuming(probe, runner):
        await until(probe, 60)
    await feed(probe.bootstrap, probe.topic, [result(number, f"l{number % 4}") for number in range(60, 120)])
    await delete_before(probe)
    with pytest.raises(Bug, match=r"has lost the records \d+ to \d+"):
        await ends_by_itself(probe, runner)
