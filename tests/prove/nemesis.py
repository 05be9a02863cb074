# SPDX-License-Identifier: Apache-2.0
"""The second part of the proof: one long story, and every fault there is, in random order.

The installation stands on three brokers and on a database whose disk is small. A part of the story
flows while a fault comes. Some events come late: they are held back until all else is fed, which must
not show (I4). Equal seeds give equal stories and equal orders.
"""

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from zlib import crc32

from cairn.client.errors import CallError
from cairn.client.operations import OperationsClient, open_operations
from cairn.cloudevents import CloudEvent
from cairn.operations.v1.waiting_record_pb2 import WaitingState
from deploy.local.cohort.submission import TENANT
from deploy.local.database import Database
from deploy.local.stack import Endpoints
from tests.e2e.state import State, read_state
from tests.prove import cluster, disk, network
from tests.prove.cluster import Cluster
from tests.prove.course import PATIENCE_SECONDS, asked, publish, rest, undisclosed
from tests.prove.defects import IN_DATABASES
from tests.prove.faults import FAULTS
from tests.prove.feeding import feed, flowing, parts
from tests.prove.findings import Tried, rows_of_cases
from tests.prove.ground import Case, Ground, standing
from tests.prove.points import CONSUMERS, RELAYS
from tests.prove.report import Row
from tests.prove.same_state import differing_states
from tests.prove.story import EVENTS_PER_LEARNER, Story, publications
from tests.prove.verdict import judge
from tests.prove.world import World

NAME = "nemesis"
BATCH_SIZE = 500
_LATE_ONE_IN = 50
# For as long as most faults take, so that they meet work.
_FLOW_SECONDS = 15.0
_DISK_MEBIBYTES = 1024
_EVENTS_PER_MEBIBYTE = 100
PLANTED = ("acknowledge_before_commit", "mark_before_publish", "no_learner_lock", "no_fence")
_DOORS = ("assessment-grpc", "recognition-grpc", "records-grpc")


def impossible() -> dict[str, str]:
    """Return the faults that this machine does not allow, each with the reason."""
    asked_for = {"network partition": network.possible(), "full disk": disk.possible()}
    asked_for["broker loss"] = cluster.possible()
    return {name: reason for name, reason in asked_for.items() if reason is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suffering:
    """How one story is told under faults: so many rounds of each, with a defect or with none."""

    runner: str
    events: int
    rounds: int
    frozen_seconds: float
    planted: str | None = None


async def suffer(
    replays: Endpoints, folder: Path, story: Story, clean: State, *, jars: Path, trial: Suffering, seed: int
) -> list[Row]:
    """Tell a story under all faults; return the row of each fault, or one of the defect."""
    started = time.monotonic()
    chance = Random(seed)
    order = [name for name in FAULTS for _ in range(trial.rounds)]
    chance.shuffle(order)
    case = _case(trial)
    async with _world(folder, jars, case, chance, trial) as world:
        ground = world.ground
        hit: Counter[str] = Counter()
        async with asked(ground) as answers:
            await publish(ground, story.at_first)
            now, late = held_back(story.events)
            for name, part in zip(order, parts(now, len(order)), strict=True):
                async with flowing(ground, part, _FLOW_SECONDS):
                    await FAULTS[name](world)
                hit[name] += 1
            await feed(ground, late)
            moving = await rest(ground, PATIENCE_SECONDS)
            await _discard(ground)
            moving += await rest(ground, PATIENCE_SECONDS)
        state = await read_state(ground.up.databases, TENANT)
        findings = await judge(ground, replays, story.events, through_http=False)
        findings.failed += moving
        findings.lost += await undisclosed(ground, answers)
    states = list(differing_states(clean, state))
    cases = {f"{NAME}: {name}": hit[name] for name in FAULTS}
    what, seconds = Tried(trial.runner, trial.planted, len(story.events)), time.monotonic() - started
    cases = cases if trial.planted is None else {NAME: hit.total()}
    return rows_of_cases(cases, what, seconds, findings, states)


def _forget(scratch: Path, jars: Path) -> None:
    """Stop and remove what an earlier run left."""
    database = Database(scratch / "postgres", disk.SETTINGS)
    database.stop()
    Cluster(scratch / "kafka", jars).stop()
    while database.data.is_mount():
        disk.unmount(database.data)
    shutil.rmtree(scratch, ignore_errors=True)


def _case(trial: Suffering) -> Case:
    """Return how the installation is wired; a defect is planted wherever it can be.

    A scan takes about as long as a part of the story.
    """
    where = {"acknowledge_before_commit": CONSUMERS, "mark_before_publish": RELAYS}.get(
        trial.planted or "", ()
    )
    return Case(
        runner=trial.runner,
        batch_size=BATCH_SIZE,
        defects={process: (str(trial.planted),) for process in where},
        broken=trial.planted if trial.planted in IN_DATABASES else None,
        reevaluations_per_second=max(100, trial.events // EVENTS_PER_LEARNER // int(_FLOW_SECONDS)),
    )


@asynccontextmanager
async def _world(
    folder: Path, jars: Path, case: Case, chance: Random, trial: Suffering
) -> AsyncIterator[World]:
    scratch = folder / "nemesis"
    _forget(scratch, jars)
    database = Database(scratch / "postgres", disk.SETTINGS)
    room = _DISK_MEBIBYTES + trial.events // _EVENTS_PER_MEBIBYTE
    with Cluster(scratch / "kafka", jars) as brokers, disk.mounted(database.data, room) as small:
        try:
            bootstrap = await asyncio.to_thread(brokers.start)
            admin = await asyncio.to_thread(database.start)
            endpoints = Endpoints(bootstrap, admin, None)
            # The keys of the run in peace, under which the learners have their ids.
            async with standing(endpoints, folder, case) as ground:
                yield World(
                    ground=ground,
                    cluster=brokers,
                    database=database,
                    disk=small,
                    chance=chance,
                    runner=trial.runner,
                    publications=iter(publications(trial.rounds)),
                    frozen_seconds=trial.frozen_seconds,
                )
        finally:
            database.stop()


def held_back(events: Sequence[CloudEvent]) -> tuple[list[CloudEvent], list[CloudEvent]]:
    """Part the events in those in time and those late; what says two things under one id stays in order."""
    late = [event for event in events if crc32(event.id.encode()) % _LATE_ONE_IN == 0]
    now = [event for event in events if crc32(event.id.encode()) % _LATE_ONE_IN]
    return now, late


async def _discard(ground: Ground) -> None:
    """Pass over the poison that holds learners up, as an operator would."""
    for door in _DOORS:
        address = ground.up.installation.layout.address(door)
        async with open_operations(address, "nemesis") as operations:
            # Behind what is discarded there may be poison again.
            while await _discarded(operations):
                pass


async def _discarded(operations: OperationsClient) -> int:
    """Discard the poison that is first of its learner; return how much there was."""
    found = [
        record.name
        async for record in operations.waiting(TENANT, first_only=True)
        if record.state == WaitingState.WAITING_STATE_DEAD_LETTERED
    ]
    for name in found:
        with suppress(CallError):
            await operations.carried_out(await operations.discard(name))
    return len(found)
