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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local.cohort.submission import TENANT
from deploy.local.layout import SESSION_SECONDS
from deploy.local.stack import Endpoints
from tests.e2e.state import State, read_state
from tests.prove.consumers import DOWNSTREAM
from tests.prove.course import publish, rest, some_entries
from tests.prove.crash_points import RUNNERS
from tests.prove.defects import IN_DATABASES
from tests.prove.evidence import progress, progresses
from tests.prove.feeding import flowing
from tests.prove.findings import Tried, rows_of_cases
from tests.prove.ground import Case, Ground, standing
from tests.prove.half_way import kill_half_way
from tests.prove.processes import INTAKE, RE_EVALUATING
from tests.prove.report import Row
from tests.prove.same_state import differing_states
from tests.prove.story import Story, publications
from tests.prove.verdict import judge
from tests.prove.workers import second_workers, slow_units, stopped_with_work

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
# Large units, in which many learners meet.
_BATCH_SIZE = 500
# So slow that many units of facts meet a scan of some hundred learners.
_PER_SECOND = 40
_FLOW_SECONDS = 8.0
_LIVE_SECONDS = 24.0
_TAKEN_OVER_SECONDS = 2.0 * SESSION_SECONDS
# The runner of Faust takes longer to have what was another's.
_LONGEST_SECONDS = 4.0 * _TAKEN_OVER_SECONDS
_AWAKE_SECONDS = 3.0


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
                    await kill_half_way(ground, hit, NAME)
            moving = await rest(ground)
        state = await read_state(ground.up.databases, TENANT)
        findings = await judge(ground, endpoints, story.events, through_http=False)
        findings.failed += moving
    states = list(differing_states(clean, state))
    what = Tried(rivalry.runner, rivalry.planted, len(story.events))
    cases = hit if rivalry.planted is None else {NAME: hit.total()}
    return rows_of_cases(cases, what, time.monotonic() - started, findings, states)


async def _wake_zombies(ground: Ground, hit: Counter[str]) -> None:
    """Let each stop with work in its hands until a second worker has got on with it, and wake."""
    stopped = {name: await stopped_with_work(ground, name) for name in ZOMBIES}
    before = {name: await progress(ground, name) for name in ZOMBIES}
    async with second_workers(ground, dict.fromkeys(ZOMBIES, ())):
        await asyncio.sleep(_TAKEN_OVER_SECONDS)
        deadline = time.monotonic() + _LONGEST_SECONDS - _TAKEN_OVER_SECONDS
        for name, process in stopped.items():
            met = await progresses(ground, name, before[name], deadline)
            process.resume()
            hit[f"{NAME}: a zombie wakes ({name})"] += met
        await asyncio.sleep(_AWAKE_SECONDS)


def re_evaluating(runner: str) -> dict[str, tuple[str, ...]]:
    """Return what the second workers read that take part in what a publication brings, by process."""
    # Faust's own assignor knows only members that read the same.
    apart = runner != "faust"
    return {
        name: consumer.reads[1:] if apart else ()
        for consumer, name in zip(DOWNSTREAM[:2], RE_EVALUATING, strict=True)
    }
