# SPDX-License-Identifier: Apache-2.0
"""The first part of the proof: a process ends at every boundary of design section 4, and nothing shows.

In the long form each point of each process is a case of its own, in which the process ends there twice.
In the short form there is one case for each runner, in which every process ends once at each of its
points; its findings stand in the row of each point.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.stack import Endpoints
from tests.e2e.state import State
from tests.prove.asking import check_answers
from tests.prove.course import run as run_story
from tests.prove.course import run_at_rest
from tests.prove.defects import DEFECTS
from tests.prove.door import check_door
from tests.prove.findings import Tried, rows_of_cases
from tests.prove.ground import Case, standing
from tests.prove.passages import Plan, hits
from tests.prove.points import POINTS, REPLAY, Point
from tests.prove.processes import CONSUMING, HTTP_DOOR, RELAYING
from tests.prove.report import Row
from tests.prove.same_state import differing_states
from tests.prove.story import Story
from tests.prove.verdict import judge

RUNNERS = ("aiokafka", "faust")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Which deaths and defects a run has, and the points whose rows it fills."""

    case: Case
    points: tuple[tuple[str, str], ...]
    """Point and process."""
    planted: str | None = None

    @property
    def due(self) -> int:
        """How often a process must end at each of the points."""
        return min(len(lives) for plan in self.case.deaths.values() for lives in plan.values())

    @property
    def through_http(self) -> bool:
        """Whether a death at the HTTP door needs events there."""
        return any(process in HTTP_DOOR for _, process in self.points)

    @property
    def held_up(self) -> bool:
        """Whether a death needs learners who wait behind poison."""
        return any(point.startswith(REPLAY) for point, _ in self.points)


def single_trials() -> Iterator[Trial]:
    """Yield a trial for each point of each process, a consumer's on both runners."""
    for point, process in _places():
        for runner in RUNNERS if process in CONSUMING else RUNNERS[:1]:
            case = Case(runner=runner, deaths={process: {point.name: point.lives}})
            yield Trial(case=case, points=((point.name, process),))


def joint_trials() -> Iterator[Trial]:
    """Yield a trial for each runner, in which each process ends at all of its points in turn."""
    for runner in RUNNERS:
        deaths: dict[str, dict[str, Sequence[int]]] = {}
        for point, process in _places():
            deaths.setdefault(process, {})[point.name] = (point.first,)
        points = tuple((point.name, process) for point, process in _places())
        yield Trial(case=Case(runner=runner, deaths=deaths), points=points)


def planted_trials() -> Iterator[Trial]:
    """Yield the trials whose defects must be found."""
    entered, handed_over = "consumer: after the inbox", "relay: handed over"
    repeated = "relay: sent, not deleted"
    yield _planted("acknowledge_before_commit", CONSUMING[0], {CONSUMING[0]: {entered: (3, 7)}})
    yield _planted("mark_before_publish", RELAYING[0], {RELAYING[0]: {handed_over: (3, 7)}})
    yield _planted("no_inbox", CONSUMING[1], {RELAYING[0]: {repeated: (3, 7)}})


def _planted(defect: str, process: str, deaths: Mapping[str, Plan]) -> Trial:
    assert defect in DEFECTS
    (dies,) = deaths
    (point,) = deaths[dies]
    case = Case(runner=RUNNERS[0], deaths=deaths, defects={process: (defect,)})
    return Trial(case=case, points=((point, dies),), planted=defect)


async def clean_state(endpoints: Endpoints, folder: Path, story: Story) -> State:
    """Return what a story comes to in peace, where everything is published at rest.

    Nobody replays it: whatever went wrong here would be missing in every state that is compared with it. So
    it is compared with the oracle while the example's own documents stand, which the oracle knows.
    """
    async with standing(endpoints, folder, Case(runner=RUNNERS[0])) as ground:
        ran = await run_at_rest(ground, story)
    if ran.moving:
        message = f"the run in peace came to no rest: {ran.moving}"
        raise AssertionError(message)
    if "good" not in ran.state.standings.values() or not any(_lost_by_publication(ran.state)):
        message = "the run in peace granted nothing, or its publication changed nothing"
        raise AssertionError(message)
    return ran.state


async def try_out(endpoints: Endpoints, folder: Path, story: Story, clean: State, trial: Trial) -> list[Row]:
    """Run a trial, and return the row of each of its points."""
    started = time.monotonic()
    async with standing(endpoints, folder, trial.case) as ground:
        ran = await run_story(ground, story, through_http=trial.through_http, held_up=trial.held_up)
        findings = await judge(ground, endpoints, story.events, through_http=trial.through_http)
        findings.failed += ran.moving
        await check_answers(findings, ground, ran.answers)
        await check_door(findings, ground, ran.posted)
        hit = hits(ground.marks)
    states = list(differing_states(clean, ran.state))
    cases = {f"{point} ({process})": hit[f"{process}|{point}"] for point, process in trial.points}
    what = Tried(trial.case.runner, trial.planted, len(story.events), trial.due)
    return rows_of_cases(cases, what, time.monotonic() - started, findings, states)


def _lost_by_publication(state: State) -> Iterator[str]:
    """Yield the awards that the harder documents have put under review."""
    yield from (place[1] for place, standing in state.standings.items() if standing == "under_review")


def _places() -> Iterator[tuple[Point, str]]:
    for point in POINTS:
        for process in point.processes:
            yield point, process
