# SPDX-License-Identifier: Apache-2.0
"""Scans the learners whom a publication can affect, and tells the consumer of each.

In chunks, in the order of the learners' ids: a chunk's re-evaluations, the scan's position and its
counts commit together, so a scan that is broken off goes on where it stood and misses nobody. Who
comes into being behind the position was folded under the new epoch (design section 4, publication).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from cairn.ids import LearnerId, TenantId
from chassis.database import Connection, Pool, see_tenants
from chassis.relay.lease import Lease, check_lease
from chassis.schedule.job import LeasedJob
from chassis.schedule.reevaluations import epoch_raised, publish
from chassis.unit.closing import publish_unit
from chassis.unit.outbox import Partitions
from chassis.unit.unit import Unit

LEASE_NAME = "schedule/scan"
MOST_LEARNERS = 200
POLL_SECONDS = 1.0

# The one that has waited longest, so that a large tenant holds up no other.
_NEXT = """
select tenant, epoch, nodes, as_of, learner from chassis.scan
where finished_at is null and not paused
order by advanced_at limit 1
for update skip locked
"""
_ADVANCE = """
update chassis.scan
set learner = $3, looked_at = looked_at + $4, told = told + $5, advanced_at = clock_timestamp(),
    finished_at = case when $6::boolean then clock_timestamp() end
where tenant = $1 and epoch = $2
returning looked_at, told
"""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """What is scanned how: ``affected`` is the service's own statement.

    Of the learners of tenant ``$1`` behind ``$2`` it returns the next ``$3`` in the order of their ids,
    each with whether one of the nodes ``$4`` can affect it.
    """

    service: str
    affected: str
    per_second: int
    chunk: int


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan and how far it has come."""

    tenant: TenantId
    epoch: int
    nodes: Sequence[str]
    as_of: datetime
    learner: str


class Scans:
    """The scans of all tenants."""

    def __init__(self, pool: Pool, partitions: Partitions, settings: ScanSettings) -> None:
        """Begin with nothing scanned; ``partitions`` knows the topic of re-evaluations."""
        self._pool = pool
        self._partitions = partitions
        self._settings = settings

    async def run(self, job: LeasedJob, stop: asyncio.Event) -> None:
        """Scan until asked to stop."""
        await job.run(stop, self.turn, POLL_SECONDS)

    async def turn(self, lease: Lease) -> float:
        """Scan one chunk, in the lease's term or not at all; rest as long as the rate asks for."""
        async with self._pool.acquire() as connection, connection.transaction():
            await check_lease(connection, lease)
            row = await connection.fetchrow(_NEXT)
            if row is None:
                return POLL_SECONDS
            told = await self._chunk(connection, Scan(*row))
        return told / self._settings.per_second

    async def _chunk(self, connection: Connection, scan: Scan) -> int:
        settings = self._settings
        await see_tenants(connection, [scan.tenant])
        looked_at = await connection.fetch(
            settings.affected, scan.tenant, scan.learner, settings.chunk, scan.nodes
        )
        unit = Unit(connection, self._partitions)
        for learner, affected in looked_at:
            if affected:
                event = epoch_raised(scan.tenant, LearnerId(learner), scan.epoch, scan.as_of)
                publish(unit, settings.service, event)
        await self._advance(connection, scan, [learner for learner, _ in looked_at], len(unit.outgoing))
        await publish_unit(unit)
        return len(unit.outgoing)

    async def _advance(self, connection: Connection, scan: Scan, learners: Sequence[str], told: int) -> None:
        last = learners[-1] if learners else scan.learner
        finished = len(learners) < self._settings.chunk
        key = scan.tenant, scan.epoch
        counts = await connection.fetchrow(_ADVANCE, *key, last, len(learners), told, finished)
        if finished and counts is not None:
            log.info("scan finished", epoch=scan.epoch, looked_at=counts[0], told=counts[1])
