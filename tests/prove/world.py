# SPDX-License-Identifier: Apache-2.0
"""What the faults of the nemesis reach: an installation on three brokers and a database on a small disk."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from deploy.local.database import Database
from deploy.local.stack import Endpoints
from tests.prove import disk
from tests.prove.cluster import Cluster
from tests.prove.disk import Disk
from tests.prove.ground import Case, Ground, standing
from tests.prove.story import Publication, publications

_DISK_MEBIBYTES = 1024
_EVENTS_PER_MEBIBYTE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Suffering:
    """How one story is told under faults: so many rounds of each, with a defect or with none."""

    runner: str
    events: int
    rounds: int
    frozen_seconds: float
    planted: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that can fail; ``chance`` decides what does, the same for the same seed."""

    ground: Ground
    cluster: Cluster
    database: Database
    disk: Disk
    chance: Random
    runner: str
    publications: Iterator[Publication]
    """What is still to be published."""
    frozen_seconds: float
    """How long a process is stopped before it wakes as a zombie."""


@asynccontextmanager
async def bring_up(
    folder: Path, jars: Path, case: Case, chance: Random, trial: Suffering
) -> AsyncIterator[World]:
    """Bring a world up that has seen nothing yet, and forget it after the block."""
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


def _forget(scratch: Path, jars: Path) -> None:
    """Stop and remove what an earlier run left."""
    database = Database(scratch / "postgres", disk.SETTINGS)
    database.stop()
    Cluster(scratch / "kafka", jars).stop()
    while database.data.is_mount():
        disk.unmount(database.data)
    shutil.rmtree(scratch, ignore_errors=True)
