# SPDX-License-Identifier: Apache-2.0
"""A unit of work that succeeds: in smaller ones where that helps, and without the one record that cannot be.

Serialisation failures are redone; an error that belongs to a record is hunted down by halving, and that
record alone becomes a dead letter. Where the handler thought until the server ended the transaction, fewer
records are taken; one that is alone then, again and again, becomes a dead letter as well.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import stamina
import structlog

from chassis.sqlstate import RECORD, REDO, LeftIdle, refused
from chassis.streams.message import Record
from chassis.streams.pace import Pace
from chassis.unit.done import Done
from chassis.unit.work import UnitOfWork
from chassis.waiting import Stopped

# After the first attempt.
_MOST_REDOS = 19

log = structlog.get_logger()


class Halving:
    """Carries the records of one unit through the unit of work, one way or another."""

    def __init__(self, work: UnitOfWork, pace: Pace, stop: asyncio.Event) -> None:
        """Begin; ``pace`` learns what was too long, and remembers of which record."""
        self._work = work
        self._pace = pace
        self._stop = stop

    async def run(self, records: Sequence[Record]) -> Done:
        """Commit the effects of the records, or of the first of them; raise what comes from outside.

        Raises Stopped where they are to be fewer, and the consumer is asked to stop: no more is then done.
        """
        if too_long := self._pace.alone.to_blame(records[0]):
            done = await self._bury(records[0], too_long)
            return done._replace(left=[*done.left, *records[1:]])
        try:
            return await self._redoing(partial(self._work.run, records))
        except LeftIdle as error:
            return await self._narrowed(records, error)
        except RECORD as error:
            if len(records) == 1:
                return await self._bury(records[0], error)
        middle = len(records) // 2
        first = await self.run(records[:middle])
        rest = first.following(records[middle:])
        if first.left or not rest:
            return first._replace(left=[*first.left, *rest])
        second = await self.run(rest)
        seconds = first.seconds + second.seconds
        return Done(first.offsets | second.offsets, second.left, first.dropped | second.dropped, seconds)

    async def _narrowed(self, records: Sequence[Record], error: LeftIdle) -> Done:
        """Do fewer of the records than could be thought about in time, and leave the others."""
        if self._stop.is_set():
            raise Stopped
        log.warning("thought for too long", records=len(records), seconds=round(error.seconds, 1))
        self._pace.note(len(records), error.seconds)
        if len(records) > 1:
            size = self._pace.of(len(records) // 2)
            done = await self.run(records[:size])
            return done._replace(left=[*done.left, *records[size:]])
        self._pace.alone.note(records[0], error)
        return await self.run(records)

    async def _redoing(self, act: Callable[[], Awaitable[Done]]) -> Done:
        with suppress(*REDO):
            return await act()
        async for attempt in stamina.retry_context(
            on=REDO, attempts=_MOST_REDOS, wait_initial=0.01, wait_max=0.5
        ):
            with attempt:
                return await act()
        raise AssertionError  # pragma: no cover - the loop above has no other end

    async def _bury(self, record: Record, error: Exception) -> Done:
        refusal = refused(error)
        log.error(
            "record put aside",
            topic=record.at.topic,
            partition=record.at.number,
            offset=record.offset,
            reason=refusal.reason,
        )
        return await self._redoing(partial(self._work.bury, record, refusal))
