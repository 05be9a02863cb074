# SPDX-License-Identifier: Apache-2.0
"""A scratch database for each variant of the unit of work, and the probe's handler at work on it.

No broker has a part in it: records are handed to the unit of work as a runner hands them over.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from time import perf_counter, process_time
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

from chassis.database import open_pool
from chassis.migrate import migrate
from chassis.streams.message import Partition, Record
from chassis.unit.outbox import Partitions, partition_of
from chassis.unit.work import UnitOfWork
from deploy.local.provision import drop_database, provision
from deploy.local.stack import ROOT, Endpoints
from tests.bench.ablation import Variant, leave_out
from tests.bench.protocol_figures import Cost
from tests.integration.chassis.probe.feed import EPOCH, as_record, result
from tests.integration.chassis.probe.handler import Tally

_FOLDER = ROOT / "tests" / "integration" / "chassis" / "probe"
_TOPIC, _PUBLISHED, _CONSUMER = "bench.probe", "bench.probe.out", "tally"
_PARTITIONS = 3
LEARNERS = 10_000
"""So many that no learner's history grows long, and all are known after the first pass."""

_LEFT = """
select (select coalesce(sum(results), 0) from probe.tally)::bigint as unit,
    (select count(*) from chassis.outbox) as outbox, (select count(*) from chassis.inbox) as inbox,
    (select coalesce(sum(next_offset), 0) from chassis.fence)::bigint as fence
"""


# Autovacuum comes to a database and goes.
_SESSIONS = """
select pid from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class ProbeRoom:
    """One variant at work on its database."""

    variant: Variant
    work: UnitOfWork
    admin: asyncpg.Connection

    async def cost(self, batches: Sequence[Sequence[Record]]) -> Cost:
        """Do the units of some batches, one after the other, and return what an event costs."""
        sessions = [psutil.Process(row["pid"]) for row in await self.admin.fetch(_SESSIONS)]
        used, begun = _cpu(sessions), perf_counter()
        for batch in batches:
            await self.work.run(batch)
        wall, cpu = perf_counter() - begun, _cpu(sessions) - used
        per = _MICROSECONDS / sum(map(len, batches))
        return Cost(wall * per, cpu * per)

    async def check(self, events: int) -> None:
        """Raise unless all was folded, and just the part that is left out is missing in the database."""
        found = dict((await self.admin.fetch(_LEFT))[0])
        wanted = {name: 0 if name == self.variant.name and name != "unit" else events for name in found}
        if found != wanted:
            message = f"{self.variant.name} of {events} events left {found}"
            raise AssertionError(message)


def _cpu(sessions: Iterable[psutil.Process]) -> float:
    """Return the CPU seconds of this process and of the sessions, which the system counts in hundredths."""
    of_sessions = (each.cpu_times() for each in sessions)
    return process_time() + sum(times.user + times.system for times in of_sessions)


@asynccontextmanager
async def probe_room(endpoints: Endpoints, variant: Variant) -> AsyncIterator[ProbeRoom]:
    """Make a variant's database, and drop it in the end."""
    prefix = f"bench_{variant.name}_"
    await drop_database(endpoints.admin, f"{prefix}cairn_probe")
    made = await provision(endpoints.admin, "probe", prefix=prefix, keys=endpoints.keys)
    await migrate(made.dsns["migrate"], "probe", _FOLDER, lambda _file: None)
    admin = await asyncpg.connect(urlunsplit(urlsplit(endpoints.admin)._replace(path=f"/{made.database}")))
    pool = await open_pool(made.dsns["consume"], 2)
    try:
        await leave_out(admin, variant)
        handler = Tally(_CONSUMER, _TOPIC, _PUBLISHED)
        work = variant.work(pool, handler, Partitions(_PARTITIONS, {}))
        await work.claim({Partition(_TOPIC, number): 0 for number in range(_PARTITIONS)})
        yield ProbeRoom(variant, work, admin)
    finally:
        await pool.close()
        await admin.close()
        await drop_database(endpoints.admin, made.database)


def records() -> Iterator[Record]:
    """Make records for ever, of one learner after the other, each partition's without holes."""
    ends: Counter[int] = Counter()
    for number in count():
        event = result(number, f"l-{number % LEARNERS:05}", as_of=EPOCH + timedelta(seconds=number))
        key, value, headers = as_record(event)
        partition = partition_of(key, _PARTITIONS)
        yield Record(Partition(_TOPIC, partition), ends[partition], key, value, tuple(headers), number)
        ends[partition] += 1
