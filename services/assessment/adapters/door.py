# SPDX-License-Identifier: Apache-2.0
"""Takes what requests bring to intake and commits it, the small requests of one moment together."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime

import asyncpg
import stamina
import structlog

from chassis.database import Pool, transaction
from chassis.grouping import Groups
from chassis.sqlstate import RECORD
from chassis.unit.closing import publish_unit
from chassis.unit.outbox import Partitions
from chassis.unit.unit import Unit
from services.assessment.adapters.postgres_door import RefusalKey, SourceKey, count_at_door
from services.assessment.app.arrival import Arrival
from services.assessment.app.intake import Answer, Intake, Verdict

_BACKLOG_SECONDS = 1.0
# A request of more events than this is worth a transaction of its own, and would keep others waiting.
_SMALL = 20
_MOST_REQUESTS = 100
_REST_SECONDS = 0.005
# A deadlock, say. Who was kept from a lock for as long as one waits comes again later, as the platform does.
_AT_ONCE = asyncpg.TransactionRollbackError
_MOST_REDOS = 3

log = structlog.get_logger()


class Door:
    """Takes requests to intake, each in one transaction, which small ones share."""

    def __init__(self, pool: Pool, intake: Intake, partitions: Partitions, backlog: int) -> None:
        """Begin; with more than ``backlog`` rows waiting to be published nothing more is taken in."""
        self._pool = pool
        self._intake = intake
        self._partitions = partitions
        self._backlog = backlog
        self._full = False
        self._looked_at = -_BACKLOG_SECONDS
        self._small = Groups(self._together, _MOST_REQUESTS, _REST_SECONDS)

    async def full(self) -> bool:
        """Tell whether too much waits to be published; looks again after a second."""
        now = time.monotonic()
        if now - self._looked_at >= _BACKLOG_SECONDS:
            self._looked_at = now
            waiting = await self._pool.fetchval("select assessment.outbox_backlog($1)", self._backlog)
            self._full = waiting >= self._backlog
        return self._full

    async def take(self, arrivals: Sequence[Arrival]) -> Sequence[Answer]:
        """Take the arrivals of one request in and commit; one that the database refuses is refused alone."""
        if len(arrivals) > _SMALL:
            return await self._halving(arrivals)
        return await self._small.ask(arrivals)

    async def _together(self, requests: Sequence[Sequence[Arrival]]) -> list[Sequence[Answer]]:
        answers = iter(await self._halving([arrival for request in requests for arrival in request]))
        return [[next(answers) for _ in request] for request in requests]

    async def _halving(self, arrivals: Sequence[Arrival]) -> list[Answer]:
        try:
            return await self._redoing(arrivals)
        except RECORD as error:
            if len(arrivals) == 1:
                return await self._refuse(arrivals, getattr(error, "sqlstate", "unknown"))
        middle = len(arrivals) // 2
        return [*await self._halving(arrivals[:middle]), *await self._halving(arrivals[middle:])]

    async def _refuse(self, arrivals: Sequence[Arrival], sqlstate: str) -> list[Answer]:
        log.error("event refused by the database", sqlstate=sqlstate)
        reason = f"refused by the database, SQLSTATE {sqlstate}"
        answers = [Answer(Verdict.REFUSED, reason=reason) for _ in arrivals]
        tenants = {arrival.source.tenant for arrival in arrivals}
        async with transaction(self._pool, tenants) as connection:
            await _close(Unit(connection, self._partitions), arrivals, answers)
        return answers

    async def _redoing(self, arrivals: Sequence[Arrival]) -> list[Answer]:
        with suppress(_AT_ONCE):
            return await self._commit(arrivals)
        async for attempt in stamina.retry_context(on=_AT_ONCE, attempts=_MOST_REDOS, wait_initial=0.01):
            with attempt:
                return await self._commit(arrivals)
        raise AssertionError  # pragma: no cover - the loop above has no other end

    async def _commit(self, arrivals: Sequence[Arrival]) -> list[Answer]:
        tenants = {arrival.source.tenant for arrival in arrivals}
        async with transaction(self._pool, tenants) as connection:
            unit = Unit(connection, self._partitions)
            answers = await self._intake.take(unit, arrivals)
            await _close(unit, arrivals, answers)
        return answers


async def _close(unit: Unit, arrivals: Sequence[Arrival], answers: Sequence[Answer]) -> None:
    # The row of the counts is what concurrent requests of a source wait for, hence at the very end.
    count_at_door(unit.writes, _today(), _counts(arrivals, answers), _refusals(arrivals, answers))
    await publish_unit(unit)


def _today() -> date:
    return datetime.now(UTC).date()


def _counts(arrivals: Sequence[Arrival], answers: Sequence[Answer]) -> dict[SourceKey, Counter[Verdict]]:
    counts: dict[SourceKey, Counter[Verdict]] = {}
    for arrival, answer in zip(arrivals, answers, strict=True):
        source = arrival.source
        counts.setdefault((source.tenant, source.name), Counter())[answer.verdict] += 1
    return counts


def _refusals(arrivals: Sequence[Arrival], answers: Sequence[Answer]) -> Counter[RefusalKey]:
    return Counter(
        RefusalKey(arrival.source.tenant, arrival.source.name, answer.reason)
        for arrival, answer in zip(arrivals, answers, strict=True)
        if answer.verdict is Verdict.REFUSED
    )
