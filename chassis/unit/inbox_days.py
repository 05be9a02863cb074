# SPDX-License-Identifier: Apache-2.0
"""The days of the inbox: which one a record is entered under, and how days end (ADR 0008)."""

import asyncio
import math
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime

import structlog

from chassis.database import Pool
from chassis.sqlstate import OUTSIDE, REDO
from chassis.waiting import within

KEPT_DAYS = 35
"""For how long an inbox remembers; no internal topic keeps a record for as long."""

# Well below the twelve hours for which a day that is let go may still be used.
_ANSWERS_HOLD_SECONDS = 3600.0
_LOOK_SECONDS = 3600.0

log = structlog.get_logger()


class InboxDays:
    """What one process knows of the days of its inbox."""

    def __init__(self, pool: Pool) -> None:
        """Begin with no day opened."""
        self._pool = pool
        self._opened: dict[date, date] = {}
        self._asked_at: dict[date, float] = {}

    async def open(self, instants: Iterable[datetime]) -> None:
        """Open the inbox for what is as of these instants, in transactions of their own.

        Not in a unit's, which would keep the lock for its length, nor beside it, where it would need a
        second connection of the pool, and would not see what was opened.
        """
        now = time.monotonic()
        for day in sorted({_day(each) for each in instants}):
            if now - self._asked_at.get(day, -math.inf) > _ANSWERS_HOLD_SECONDS:
                self._opened[day] = await self._pool.fetchval("select chassis.inbox_day($1)", day)
                self._asked_at[day] = now

    def forget(self) -> None:
        """Ask about every day again: the database may be another one."""
        self._asked_at.clear()

    def of(self, instant: datetime) -> date:
        """Return the day under which the inbox has what is as of an instant."""
        day = _day(instant)
        return self._opened.get(day, day)

    async def run(self, stop: asyncio.Event) -> None:
        """Let days go until told to stop."""
        while not stop.is_set():
            await self._close()
            await within(_LOOK_SECONDS, stop)

    async def _close(self) -> None:
        try:
            dropped = await self._pool.fetchval("select chassis.close_inbox_days($1)", KEPT_DAYS)
        except (*REDO, *OUTSIDE) as error:
            log.info("inbox keeps its days for now", error=type(error).__name__)
        else:
            if dropped:
                log.info("inbox days dropped", days=dropped)


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
