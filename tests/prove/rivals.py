# SPDX-License-Identifier: Apache-2.0
"""Two owners at the same records and the same learners, which is what learner lock and fence are for.

First every consumer and relay stops with work in its hands, a second worker takes all of it over, and
the first wakes with the belief that it is its own. Then policies and a rule are published while facts
of the same learners flow: one worker takes facts and re-evaluations, another re-evaluations alone, and
after each quarter of the scan one of those who carry it is killed. All must come to the same as
publishing at rest (I4), nobody missed and nobody flipped back.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from deploy.local.cohort.submission import TENANT
from deploy.local.stack import Endpoints
from tests.e2e.state import State, read_state
from tests.prove.consumers import DOWNSTREAM
from tests.prove.course import publish, rest, some_entries
from tests.prove.crash_points import RUNNERS
from tests.prove.defects import IN_DATABASES
from tests.prove.feeding import flowing
from tests.prove.findings import Tried, rows_of_cases
from tests.prove.ground import SESSION_SECONDS, Case, Ground, standing
from tests.prove.points import CONSUMERS, INTAKE, SCHEDULES
from tests.prove.report import Row
from tests.prove.same_state import differing_states
from tests.prove.story import Story, publications
from tests.prove.verdict import judge
from tests.prove.workers import process_of, second_of, second_workers, slow_units, stopped_with_work

NAME = "two owners"
# From the last to the first through which work comes: who has stopped passes none on.
ZOMBIES = (
    "records-relay",
    "records-consume",
    "recognition-relay",
    "recognition-consume",
    "assessment-consume-results",
    "assessment-relay",
    INTAKE,
)
CARRIERS = tuple(zip(SCHEDULES, map(second_of, CONSUMERS[:2]), CONSUMERS[:2], strict=True))
"""Of each service that re-evaluates: who scans, takes re-evaluations alone, takes facts as well."""
# Large units, in which many learners meet.
_BATCH_SIZE = 500
# So slow that many units of facts meet a scan of some hundred learners.
_PER_SECOND = 40
_FLOW_SECONDS = 8.0
_LIVE_SECONDS = 24.0
_TAKEN_OVER_SECONDS = 2.0 * SESSION_SECONDS
_AWAKE_SECONDS = 3.0
_SCANNED_SECONDS = 120.0
_LOOK_SECONDS = 0.05
_LEARNERS = "select count(*) from chassis.learner"
_SCANNED = """
select looked_at, finished_at is not null from chassis.scan join chassis.rule_epoch using (tenant, epoch)
"""


@dataclass(frozen=True, slots=True)
class Rivalry:
    """On which runner two owners meet, with a defect of the databases or with none."""

    runner: str
    planted: str | None = None


def rivalries() -> Iterator[Rivalry]:
    """Yield each runner's, and one with each defect that must be found."""
    yield from (Rivalry(runner) for runner in RUNNERS)
    yield from (Rivalry(RUNNERS[0], defect) for defect in IN_DATABASES)


async def contend(
    endpoints: Endpoints, folder: Path, story: Story, clean: State, rivalry: Rivalry
) -> list[Row]:
    """Tell a story to two owners; return the row of each who woke or died, or one of the defect."""
    started = time.monotonic()
    case = Case(
        runner=rivalry.runner,
        broken=rivalry.planted,
        batch_size=_BATCH_SIZE,
        reevaluations_per_second=_PER_SECOND,
    )
    hit: Counter[str] = Counter()
    async with standing(endpoints, folder, case) as ground:
        third = len(story.events) // 3
        await publish(ground, story.at_first)
        async with flowing(ground, story.events[:third], _FLOW_SECONDS):
            await _wake_zombies(ground, hit)
        await some_entries(ground)
        async with second_workers(ground, re_evaluating(rivalry.runner)):
            async with flowing(ground, story.events[third:], _LIVE_SECONDS):
                with slow_units(ground):
                    await publish(ground, publications(1)[0])
                    await _kill_half_way(ground, hit)
            moving = await rest(ground)
        state = await read_state(ground.up.databases, TENANT)
        findings = await judge(ground, endpoints, story.events, through_http=False)
        findings.failed += moving
    states = list(differing_states(clean, state))
    what = Tried(rivalry.runner, rivalry.planted, len(story.events))
    cases = hit if rivalry.planted is None else {NAME: hit.total()}
    return rows_of_cases(cases, what, time.monotonic() - started, findings, states)


async def _wake_zombies(ground: Ground, hit: Counter[str]) -> None:
    """Let each stop with work in its hands until a second worker has it, and wake."""
    stopped = {name: await stopped_with_work(ground, name) for name in ZOMBIES}
    async with second_workers(ground, dict.fromkeys(ZOMBIES, ())):
        await asyncio.sleep(_TAKEN_OVER_SECONDS)
        for name, process in stopped.items():
            process.resume()
            hit[f"{NAME}: a zombie wakes ({name})"] += 1
        await asyncio.sleep(_AWAKE_SECONDS)


def re_evaluating(runner: str) -> dict[str, tuple[str, ...]]:
    """Return what the second workers read that take part in what a publication brings, by process."""
    # Faust's own assignor knows only members that read the same.
    apart = runner != "faust"
    return {
        name: consumer.reads[1:] if apart else ()
        for consumer, name in zip(DOWNSTREAM[:2], CONSUMERS[:2], strict=True)
    }


async def _kill_half_way(ground: Ground, hit: Counter[str]) -> None:
    """Kill the carriers of both services, each with the scan under way."""
    async with asyncio.TaskGroup() as killing:
        for names in CARRIERS:
            killing.create_task(_kill_by_quarters(ground, names, hit))


async def _kill_by_quarters(ground: Ground, names: Sequence[str], hit: Counter[str]) -> None:
    """Kill one after each quarter of the learners whom there were at the publication."""
    connection = await asyncpg.connect(ground.up.database_of(names[0]))
    try:
        learners = await connection.fetchval(_LEARNERS)
        for quarters, name in enumerate(names, start=1):
            half_way = await _scanned(connection, learners * quarters // 4)
            (await process_of(ground, name)).kill()
            hit[f"{NAME}: killed half-way through a publication ({name})"] += half_way
    finally:
        await connection.close()


async def _scanned(connection: asyncpg.Connection, learners: int) -> bool:
    """Wait until so many learners are scanned; tell whether the scan still goes on."""
    looked_at, finished, deadline = 0, False, time.monotonic() + _SCANNED_SECONDS
    while looked_at < learners and not finished:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
        looked_at, finished = await connection.fetchrow(_SCANNED) or (0, False)
    return not finished
