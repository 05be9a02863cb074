# SPDX-License-Identifier: Apache-2.0
"""The second part of the proof: one long story, and every fault there is, in random order.

The installation stands on three brokers and on a database whose disk is small. A part of the story
flows while a fault comes. Some events come late: they are held back until all else is fed, which must
not show (I4). Equal seeds give equal stories and equal orders.
"""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from zlib import crc32

from cairn.cloudevents import CloudEvent
from deploy.local.cohort.submission import TENANT
from deploy.local.stack import Endpoints
from tests.e2e.state import State, read_state
from tests.prove import cluster, disk, network
from tests.prove.asking import asked, check_answers
from tests.prove.course import PATIENCE_SECONDS, publish, rest
from tests.prove.defects import IN_DATABASES
from tests.prove.discarding import discard
from tests.prove.faults import FAULTS
from tests.prove.feeding import feed, flowing, parts
from tests.prove.findings import Tried, rows_of_cases
from tests.prove.ground import Case
from tests.prove.processes import CONSUMING, RELAYING
from tests.prove.report import Row
from tests.prove.same_state import differing_states
from tests.prove.story import EVENTS_PER_LEARNER, Story
from tests.prove.verdict import judge
from tests.prove.world import Suffering, bring_up

NAME = "nemesis"
BATCH_SIZE = 500
_LATE_ONE_IN = 50
# For as long as most faults take, so that they meet work.
_FLOW_SECONDS = 15.0
_LEAST_PER_SECOND = 10
PLANTED = ("acknowledge_before_commit", "mark_before_publish", "no_learner_lock", "no_fence")


def impossible() -> dict[str, str]:
    """Return the faults that this machine does not allow, each with the reason."""
    asked_for = {"network partition": network.possible(), "full disk": disk.possible()}
    asked_for["broker loss"] = cluster.possible()
    return {name: reason for name, reason in asked_for.items() if reason is not None}


async def suffer(
    replays: Endpoints, folder: Path, story: Story, clean: State, *, jars: Path, trial: Suffering, seed: int
) -> list[Row]:
    """Tell a story under all faults; return the row of each fault, or one of the defect."""
    started = time.monotonic()
    chance = Random(seed)
    order = [name for name in FAULTS for _ in range(trial.rounds)]
    chance.shuffle(order)
    case = _case(trial, order)
    async with bring_up(folder, jars, case, chance, trial) as world:
        ground = world.ground
        hit: Counter[str] = Counter()
        async with asked(ground) as answers:
            await publish(ground, story.at_first)
            now, late = held_back(story.events)
            for name, part in zip(order, parts(now, len(order)), strict=True):
                async with flowing(ground, part, _FLOW_SECONDS):
                    hit[name] += await FAULTS[name](world)
            await feed(ground, late)
            moving = await rest(ground, PATIENCE_SECONDS)
            moving += await discard(ground)
            moving += await rest(ground, PATIENCE_SECONDS)
        state = await read_state(ground.up.databases, TENANT)
        findings = await judge(ground, replays, story.events, through_http=False)
        findings.failed += moving
        await check_answers(findings, ground, answers)
    states = list(differing_states(clean, state))
    cases = {f"{NAME}: {name}": hit[name] for name in FAULTS}
    cases = cases if trial.planted is None else {NAME: hit.total()}
    return rows_of_cases(cases, tried(trial), time.monotonic() - started, findings, states)


def tried(trial: Suffering) -> Tried:
    """Return what a nemesis tries out: each fault in every round, which has to meet work in one of them.

    A row with a defect stands for all faults together.
    """
    due = trial.rounds if trial.planted is None else trial.rounds * len(FAULTS)
    return Tried(trial.runner, trial.planted, trial.events, due, least=1)


def _case(trial: Suffering, order: Sequence[str]) -> Case:
    """Return how the installation is wired; a defect is planted wherever it can be."""
    where = {"acknowledge_before_commit": CONSUMING, "mark_before_publish": RELAYING}.get(
        trial.planted or "", ()
    )
    return Case(
        runner=trial.runner,
        batch_size=BATCH_SIZE,
        defects={process: (str(trial.planted),) for process in where},
        broken=trial.planted if trial.planted in IN_DATABASES else None,
        reevaluations_per_second=re_evaluated_per_second(trial.events, order),
    )


def re_evaluated_per_second(events: int, order: Sequence[str]) -> int:
    """Return the rate at which the last scan takes about as long as a part of the story.

    When a publication comes early there are few learners yet, and all would be re-evaluated before anybody
    is killed.
    """
    parts_told = len(order) - order[::-1].index("publication")
    learners = events // EVENTS_PER_LEARNER * parts_told // len(order)
    return max(_LEAST_PER_SECOND, learners // int(_FLOW_SECONDS))


def held_back(events: Sequence[CloudEvent]) -> tuple[list[CloudEvent], list[CloudEvent]]:
    """Part the events in those in time and those late; what says two things under one id stays in order."""
    late = [event for event in events if crc32(event.id.encode()) % _LATE_ONE_IN == 0]
    now = [event for event in events if crc32(event.id.encode()) % _LATE_ONE_IN]
    return now, late
