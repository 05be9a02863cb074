# SPDX-License-Identifier: Apache-2.0
"""What stands in a service's database, told as metrics by the process that serves.

Told there and not where the work is done, so that a relay or consumer that is down shows: what waits for it
grows. Where several serve, all tell the same.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import structlog

from chassis import metrics
from chassis.database import Connection, Pool
from chassis.metric_catalogue import (
    BREAKER,
    DATABASE_ANSWERED,
    DEAD_LETTERS,
    DUE_AGE,
    INBOX_ROWS,
    LOSSES,
    OUTBOX_AGE,
    OUTBOX_ROWS,
    PARKED_LEARNERS,
    PARKED_RECORDS,
    PAUSED,
    PUBLICATIONS,
    SCANNED,
    SCANS,
    Metric,
)
from chassis.sqlstate import OUTSIDE, REDO
from chassis.waiting import within

_STANDING = "select name, consumer, reason, value from chassis.standing()"
_LOOK_SECONDS = 10.0

_METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "outbox_rows": OUTBOX_ROWS,
        "outbox_age": OUTBOX_AGE,
        "due_age": DUE_AGE,
        "inbox_rows": INBOX_ROWS,
        "parked_learners": PARKED_LEARNERS,
        "parked_records": PARKED_RECORDS,
        "dead_letters": DEAD_LETTERS,
        "breaker": BREAKER,
        "paused": PAUSED,
        "losses": LOSSES,
        "publications": PUBLICATIONS,
        "scans": SCANS,
        "scanned": SCANNED,
    }
)

Series = dict[Metric, dict[metrics.Labels, float]]
Besides = Callable[[Connection], Awaitable[Series]]
log = structlog.get_logger()


class StandingWatch:
    """Looks every ten seconds."""

    def __init__(self, pool: Pool, besides: Besides | None = None) -> None:
        """Begin; ``besides`` reads what the service has in tables of its own."""
        self._pool = pool
        self._besides = besides

    async def run(self, stop: asyncio.Event) -> None:
        """Look until asked to stop; while the database cannot be asked, what was told last stands."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(_LOOK_SECONDS), self._pool.acquire() as connection:
                    await self._look(connection)
            except (*OUTSIDE, *REDO) as error:
                log.warning("standing not known", error=type(error).__name__)
            await within(_LOOK_SECONDS, stop)

    async def _look(self, connection: Connection) -> None:
        found = _series(await connection.fetch(_STANDING))
        if self._besides is not None:
            found |= await self._besides(connection)
        for metric, series in found.items():
            metrics.replace(metric, series)
        metrics.hold(DATABASE_ANSWERED, time.time())


def _series(rows: Iterable[Any]) -> Series:
    found: Series = {metric: {} for metric in _METRICS.values()}
    for name, consumer, reason, value in rows:
        metric = _METRICS[name]
        of = {"consumer": consumer, "reason": reason, "state": reason}
        found[metric][tuple(of[label] for label in metric.labels)] = value
    return found
