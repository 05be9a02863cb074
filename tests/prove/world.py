# SPDX-License-Identifier: Apache-2.0
"""What the faults of the nemesis reach: an installation on three brokers and a database on a small disk."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from random import Random

from deploy.local.database import Database
from deploy.local.processes import Service
from tests.prove.cluster import Cluster
from tests.prove.disk import Disk
from tests.prove.ground import Ground
from tests.prove.story import Story
from tests.prove.wired import READS

# A worker has its partitions after about so long.
JOINED_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that can fail; ``chance`` decides what does, the same for the same seed."""

    ground: Ground
    cluster: Cluster
    database: Database
    disk: Disk
    chance: Random
    story: Story
    runner: str
    frozen_seconds: float
    """How long a process is stopped before it wakes as a zombie."""

    @asynccontextmanager
    async def second_worker(self, name: str, reads: Sequence[str] = ()) -> AsyncIterator[None]:
        """Let a second worker of a consumer join, and leave at the end of the block.

        One that ``reads`` only some of the topics gets a share of these alone, so that the records of a
        learner come to both workers at once.
        """
        processes, service = self.ground.up.installation.processes, self.ground.services[name]
        environment = {**service.environment, READS: json.dumps(list(reads))}
        second = replace(service, name=f"{name}-second", health_port=0, environment=environment)
        processes.start([second])
        await asyncio.sleep(JOINED_SECONDS)
        try:
            yield
        finally:
            await asyncio.to_thread(processes.stop, {second.name})

    @asynccontextmanager
    async def elsewhere(self, name: str, service: Service) -> AsyncIterator[None]:
        """Run a process in another way within the block, and as it was after it."""
        processes, keeper = self.ground.up.installation.processes, self.ground.keeper
        keeper.resting.add(name)
        await asyncio.to_thread(processes.stop, {name})
        processes.start([service])
        try:
            yield
        finally:
            await asyncio.to_thread(processes.stop, {name})
            processes.start([self.ground.services[name]])
            keeper.resting.discard(name)
