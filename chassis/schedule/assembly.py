# SPDX-License-Identifier: Apache-2.0
"""Puts together the schedule process of a service: its timers and its scans, each under a lease."""

from functools import partial
from uuid import uuid4

from chassis.assembly import add_pool
from chassis.lifecycle import Process
from chassis.schedule import due_rows, scans
from chassis.schedule.due_rows import DueRows
from chassis.schedule.job import LeasedJob
from chassis.schedule.reevaluations import topic_of
from chassis.schedule.scans import MOST_LEARNERS, Scans, ScanSettings
from chassis.settings import ScheduleSettings
from chassis.streams.brokers import read_brokers
from chassis.topics import read_partitions

# One connection for each of the two.
_CONNECTIONS = 2


async def assemble_schedule(
    process: Process, settings: ScheduleSettings, service: str, affected: str
) -> None:
    """Add the schedule of a service; ``affected`` as :class:`chassis.schedule.scans.ScanSettings` has it."""
    partitions = await read_partitions(read_brokers(settings), {topic_of(service)})
    pool = await add_pool(process, settings, _CONNECTIONS, f"{service}-schedule")
    holder = uuid4().hex
    rows = DueRows(pool, service, partitions)
    job = LeasedJob(due_rows.LEASE_NAME, pool, holder, process.health)
    process.add("due", partial(rows.run, job))
    rate = settings.reevaluations_per_second
    # No more at once than in a second, so that the rest between two chunks is shorter than the lease.
    scanning = ScanSettings(service, affected, rate, min(rate, MOST_LEARNERS))
    job = LeasedJob(scans.LEASE_NAME, pool, holder, process.health)
    process.add("scan", partial(Scans(pool, partitions, scanning).run, job))
