# SPDX-License-Identifier: Apache-2.0
"""From a batch to its effects and then, here alone, to its acknowledgement.

Outside causes are waited out with the partition kept and readiness withdrawn; what a record is to blame
for ends with that record (:mod:`chassis.streams.halving`). Anything else is a bug and leaves, which ends
the process.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import asyncpg

from chassis import metrics, tracing
from chassis.health import Health
from chassis.metric_catalogue import NEWEST, UNIT_DOMAIN, UNIT_DURATION, UNIT_RECORDS
from chassis.outage import outage
from chassis.sqlstate import OUTSIDE
from chassis.streams.halving import Halving
from chassis.streams.message import Partition, Record
from chassis.streams.pace import Pace
from chassis.unit.breaker import BreakerOpen, Paused
from chassis.unit.done import Done
from chassis.unit.work import UnitOfWork
from chassis.waiting import Stopped, patiently, within

Acknowledge = Callable[[Mapping[Partition, int]], Awaitable[None]]

# How often a consumer that was halted looks whether it may go on.
_LOOK_SECONDS = 1.0


class Batches:
    """Carries the batches of one consumer through the unit of work."""

    def __init__(
        self, work: UnitOfWork, health: Health, acknowledge: Acknowledge, stop: asyncio.Event, pace: Pace
    ) -> None:
        """Begin; ``health`` learns of the database's absence, the broker of what is done.

        ``pace`` remembers what units cost, for as long as the consumer runs.
        """
        self._work = work
        self._stop = stop
        self._acknowledge = acknowledge
        self._health = health
        self._pace = pace
        self._halving = Halving(work, pace, stop)

    async def process(self, records: Sequence[Record]) -> dict[Partition, int]:
        """Commit all effects of a batch, then acknowledge it; return each owned partition's next offset.

        One whose records take long is done in several units. A partition that another owner has moved is not
        acknowledged. Raises Stopped where the consumer is halted, waits for its database or is between two
        units, and asked to stop: nothing more may then be processed.
        """
        offsets: dict[Partition, int] = {}
        while records:
            size = self._pace.of(len(records))
            done = await self._unit(records[:size])
            await self._acknowledge(done.offsets)
            offsets |= done.offsets
            records = done.following([*done.left, *records[size:]])
            if records and self._stop.is_set():
                raise Stopped
        return offsets

    async def _unit(self, records: Sequence[Record]) -> Done:
        started = time.perf_counter()
        with tracing.processing(self._work.consumer, len(records)):
            done = await self._patiently(records)
        taken = len(records) - len(done.left)
        self._measure(time.perf_counter() - started, done.seconds, records[:taken])
        self._pace.note(taken, done.seconds)
        self._pace.alone.forget(done.following(records[:taken]))
        return done

    def _measure(self, seconds: float, domain: float, taken: Sequence[Record]) -> None:
        consumer = self._work.consumer
        metrics.record(UNIT_DURATION, seconds, consumer)
        metrics.record(UNIT_DOMAIN, domain, consumer)
        metrics.record(UNIT_RECORDS, len(taken), consumer)
        for at, record in {record.at.topic: record for record in taken}.items():
            metrics.hold(NEWEST, record.timestamp / 1000, consumer, at)

    # The contexts of stamina are made only once something has failed: they are some hundred objects that
    # refer to each other in a circle, more than all else that a small unit leaves to the collector.

    async def _patiently(self, records: Sequence[Record]) -> Done:
        while True:
            try:
                done = await self._at_length(records)
            except BreakerOpen as halt:
                # Whoever says so can be reached.
                self._health.forget("database")
                self._halt(halt)
            else:
                self._halt(None)
                return done
            if await within(_LOOK_SECONDS, self._stop):
                raise Stopped

    def _halt(self, halt: BreakerOpen | None) -> None:
        for kind in (BreakerOpen, Paused):
            if halt is None or halt.condition != kind.condition:
                self._health.forget(kind.condition)
        if halt is not None:
            self._health.unmet(halt.condition, halt.reason)

    async def _at_length(self, records: Sequence[Record]) -> Done:
        try:
            return await self._halving.run(records)
        except Exception as error:
            if not self._waits_out(error):
                raise
        if self._stop.is_set():
            raise Stopped
        done = await patiently(partial(self._halving.run, records), self._waits_out, self._stop)
        self._health.met("database")
        return done

    def _waits_out(self, error: Exception) -> bool:
        """Tell whether an error comes from outside, and let readiness say which one is waited out."""
        outside = _outside(error)
        if outside:
            self._health.unmet("database", outage(error))
        return outside


def _outside(error: Exception) -> bool:
    # asyncpg's error for a value that it cannot encode is an InterfaceError too, and belongs to a record.
    return isinstance(error, OUTSIDE) and not isinstance(error, asyncpg.DataError)
