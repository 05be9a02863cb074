# SPDX-License-Identifier: Apache-2.0
"""Tells the consumer of timers that fall due where no record of the learner comes.

The row stays: the unit of work that fires it deletes it, under the learner's lock. It is marked as
told in the transaction that publishes, so a consumer that is behind is told once and not every second.
"""

import asyncio

from cairn.ids import LearnerId, TenantId
from chassis.database import Connection, Pool, see_tenants
from chassis.relay.lease import Lease, check_lease
from chassis.schedule.job import LeasedJob
from chassis.schedule.reevaluations import due_reached, publish
from chassis.unit.closing import publish_unit
from chassis.unit.due import Due
from chassis.unit.outbox import Partitions
from chassis.unit.unit import Unit

LEASE_NAME = "schedule/due"
MOST_ROWS = 500
POLL_SECONDS = 1.0

# The clock says here when to tell, and nothing else: what is concluded is as of the row's own instant (I12).
# Rows that a unit of work is deleting are passed over. A locked row stays where it is: its place is its key.
_TELL = """
with reached as (
    select ctid from chassis.due
    where told_at is null and at <= now()
    order by at limit $1
    for update skip locked
)
update chassis.due set told_at = now()
where ctid = any (array(select ctid from reached))
returning at, kind, ref, tenant, learner, setting
"""


class DueRows:
    """The timers of all tenants."""

    def __init__(self, pool: Pool, service: str, partitions: Partitions) -> None:
        """Begin with nothing told; ``partitions`` knows the topic of re-evaluations."""
        self._pool = pool
        self._service = service
        self._partitions = partitions

    async def run(self, job: LeasedJob, stop: asyncio.Event) -> None:
        """Tell what falls due until asked to stop."""
        await job.run(stop, self.turn, POLL_SECONDS)

    async def turn(self, lease: Lease) -> float:
        """Tell what has fallen due, in the lease's term or not at all."""
        async with self._pool.acquire() as connection, connection.transaction():
            await check_lease(connection, lease)
            told = await self._tell(connection)
        return 0.0 if told == MOST_ROWS else POLL_SECONDS

    async def _tell(self, connection: Connection) -> int:
        rows = sorted(
            (Due(at, kind, ref, TenantId(tenant), LearnerId(learner)), setting)
            for at, kind, ref, tenant, learner, setting in await connection.fetch(_TELL, MOST_ROWS)
        )
        if rows:
            await see_tenants(connection, {due.tenant for due, _ in rows})
            unit = Unit(connection, self._partitions)
            for due, setting in rows:
                publish(unit, self._service, due_reached(due, setting))
            await publish_unit(unit)
        return len(rows)
