# SPDX-License-Identifier: Apache-2.0
"""Every process killed once in the middle of the real results: the same as a run left in peace (I2).

The clean run and the two disturbed ones have the same keys and the same clock of intake, and the
results of each student come to all of them in the same order.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import pytest

from deploy.local.cohort.submission import Submission
from deploy.local.layout import PARTS
from deploy.local.stack import Endpoints
from tests.e2e.feeds import through_http, through_topic
from tests.e2e.fixed_clock import stop_the_clock
from tests.e2e.installation import INGEST, whole
from tests.e2e.kills import Death, kill_each
from tests.e2e.runs import Run, differing, run_of
from tests.e2e.state import Outcomes
from tests.e2e.watch import watching
from tests.e2e.work_done import WORKING, counting_work

CONSUMERS = {
    "assessment.results.v1": "results",
    "competency.events.v1": "recognition",
    "recognition.decisions.v1": "records",
}
Figures: TypeAlias = Callable[[str, object], None]

HTTP_DOOR, TOPIC_DOOR = "assessment-serve", "assessment-consume-intake"


@dataclass(frozen=True, slots=True)
class Clean:
    """The run left in peace, how its records ended, and how much work each process had."""

    run: Run
    outcomes: Outcomes
    work: Mapping[str, int]


@pytest.fixture(scope="module")
def some(every: Callable[[int], list[Submission]]) -> list[Submission]:
    return every(12)


@pytest.fixture(scope="module")
async def clean(endpoints: Endpoints, folder: Path, some: list[Submission]) -> Clean:
    async with whole(endpoints, folder) as up, counting_work(up) as work:
        await stop_the_clock(up.installation)
        await through_topic(up, some)
        state = await up.settle()
        run = await run_of(up)
        assert all(run.carried[topic] == run.events(topic) > 0 for topic in run.topics)
        return Clean(run, state.outcomes, {name: await work.by(name) for name in WORKING - {HTTP_DOOR}})


@pytest.mark.timeout(1800)
async def test_killed_while_fed_through_a_topic(
    endpoints: Endpoints,
    folder: Path,
    some: list[Submission],
    clean: Clean,
    record_testsuite_property: Figures,
) -> None:
    async with whole(endpoints, folder) as up, counting_work(up) as work, watching(up) as watched:
        await stop_the_clock(up.installation)
        async with asyncio.TaskGroup() as feeding:
            feeding.create_task(through_topic(up, some))
            deaths = await kill_each(up, work, clean.work)
        state, run = await up.settle(), await run_of(up)
        await watched.reach(run.length)
    record_testsuite_property("deaths, topic", deaths)
    record_testsuite_property("carried, topic", run.carried)
    assert_died_at_work(deaths, clean.work)
    assert list(islice(differing(clean.run, run), 20)) == []
    assert state.outcomes["intake", INGEST] == {"applied": len(some)}
    assert_adds_up(clean, run, state.outcomes)


@pytest.mark.timeout(1800)
async def test_killed_while_fed_through_http(
    endpoints: Endpoints,
    folder: Path,
    some: list[Submission],
    clean: Clean,
    record_testsuite_property: Figures,
) -> None:
    totals = {name: total for name, total in clean.work.items() if name != TOPIC_DOOR}
    totals[HTTP_DOOR] = len(some)
    async with whole(endpoints, folder) as up, counting_work(up) as work, watching(up) as watched:
        await stop_the_clock(up.installation)
        async with asyncio.TaskGroup() as feeding:
            posting = feeding.create_task(through_http(up, some))
            deaths = await kill_each(up, work, totals)
        state, run = await up.settle(), await run_of(up)
        await watched.reach(run.length)
    record_testsuite_property("deaths, http", deaths)
    record_testsuite_property("carried, http", run.carried)
    assert_died_at_work(deaths, totals)
    assert list(islice(differing(clean.run, run), 20)) == []
    receipts = posting.result()
    record_testsuite_property("receipts, http", receipts)
    assert receipts["stored"] + receipts["duplicate"] == len(some)
    # What was stored and not answered came again, and may have been killed on its way once more.
    assert 0 < receipts["duplicate"] <= state.door["duplicate"]
    assert state.door == Counter(stored=len(some), duplicate=state.door["duplicate"])
    assert_adds_up(clean, run, state.outcomes)


def assert_died_at_work(deaths: list[Death], totals: Mapping[str, int]) -> None:
    """Check that every process died once, in the middle of its work or of what it tells."""
    assert sorted(death.name for death in deaths) == sorted(part.name for part in PARTS)
    assert [death for death in deaths if not 0 < death.done < death.of] == []
    working = [death for death in deaths if death.name in totals]
    assert [death for death in working if death.fate != "aborted"] == []


def assert_adds_up(clean: Clean, run: Run, outcomes: Outcomes) -> None:
    """Check that consumers counted what the relays repeated, and else what they counted in the clean run."""
    repeats = {topic: run.carried[topic] - run.events(topic) for topic in run.topics}
    for topic, consumer in CONSUMERS.items():
        expected = clean.outcomes[consumer, topic] + Counter(duplicate=repeats[topic])
        assert outcomes[consumer, topic] == expected
    # Each relay died between sending and noting it, so each has sent something twice.
    assert repeats["assessment.results.v1"] + repeats["competency.events.v1"] > 0
    assert repeats["recognition.decisions.v1"] > 0
    assert repeats["records.entries.v1"] > 0
