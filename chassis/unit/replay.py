# SPDX-License-Identifier: Apache-2.0
"""Replay and discard of a learner's first waiting record, and of what waits behind it (design section 4).

Asked for in a table, carried out by any process of the consumer: a unit of work that takes the same
locks in the same order, folds in the order of arrival, and moves each record's count to how it ended.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import structlog

from cairn.ids import OPERATOR, LearnerId, TenantId
from chassis.database import Connection, Pool, transaction
from chassis.errors import Reject
from chassis.sqlstate import OUTSIDE, RECORD, REDO, refused
from chassis.streams.message import Partition, Record
from chassis.unit import fence
from chassis.unit.breaker import BreakerOpen
from chassis.unit.closing import close_unit
from chassis.unit.deadletter import dead_letter
from chassis.unit.fence import Outcome
from chassis.unit.items import Place, place_of, read
from chassis.unit.learners import LearnerKey
from chassis.unit.parking import ask_again, outcome_of
from chassis.unit.retaking import Retaken, retake
from chassis.unit.unit import Unit
from chassis.unit.waiting import Waiting, partitions_of, recount, remove, restate, waiting_of
from chassis.unit.work import Raised, UnitOfWork
from chassis.waiting import within

# What one unit takes of a learner; the rest is asked for again.
_MOST = 500
_LOOK_SECONDS = 1.0
_NEXT = "select tenant, id from chassis.next_replay($1) where id is not null"
_ABOUT = "select learner from chassis.replay where tenant = $1 and id = $2 and done_at is null"
_TAKE = """
select learner, place, action from chassis.replay
where tenant = $1 and id = $2 and done_at is null
for update skip locked
"""
_DONE = """
update chassis.replay set done_at = now(), outcome = $3::text, followed = $4::int
where tenant = $1::text and id = $2::uuid and done_at is null
"""

WAITED_OUT: tuple[type[Exception], ...] = (BreakerOpen, *OUTSIDE, *REDO)
GONE = "gone"
"""The record that was meant is not the learner's first waiting one, or waits no more."""
STAYS = "stays"
"""It could not be folded now either."""
FAILED = "failed"
"""The request could not be carried out, and nothing has changed; the log says why."""

log = structlog.get_logger()


class Request(NamedTuple):
    """What was asked about one waiting record."""

    learner: LearnerKey
    place: int
    discard: bool


@dataclass(slots=True)
class _Attempt:
    """What is known of a replay that has been tried before: which records fail, and how many are taken."""

    raised: dict[Place, Reject] = field(default_factory=dict)
    most: int = _MOST
    first: Record | None = None

    def narrow(self, error: Exception) -> None:
        """Take only the first record where the database refuses one of them; leave it where it is that."""
        if self.most > 1:
            self.most = 1
        elif self.first is not None and place_of(self.first) not in self.raised:
            self.raised[place_of(self.first)] = refused(error)
        else:
            raise error


class Replays:
    """Carries out the requests of one consumer, each in a transaction of its own."""

    def __init__(self, pool: Pool, work: UnitOfWork) -> None:
        self._pool = pool
        self._work = work

    async def run(self, stop: asyncio.Event) -> None:
        """Carry out what is asked until told to stop; what an outside cause prevents is tried again."""
        while not stop.is_set():
            busy = False
            try:
                busy = await self.next()
            except WAITED_OUT as error:
                log.info("replay waits", consumer=self._work.consumer, error=type(error).__name__)
            if not busy:
                await within(_LOOK_SECONDS, stop)

    async def next(self) -> bool:
        """Carry out the request that has waited longest; tell whether there was one to carry out."""
        found = await self._pool.fetchrow(_NEXT, self._work.consumer)
        if found is None:
            return False
        tenant, request_id = TenantId(found["tenant"]), found["id"]
        try:
            return await self._carry_out(tenant, request_id)
        except WAITED_OUT:
            raise
        except Exception:
            # Whatever it is, it must not hold up the requests behind it.
            log.exception("replay failed", consumer=self._work.consumer, request=str(request_id))
        async with transaction(self._pool, [tenant]) as connection:
            await connection.execute(_DONE, tenant, request_id, FAILED, 0)
        return True

    async def _carry_out(self, tenant: TenantId, request_id: UUID) -> bool:
        """Try until no record stands in the way; False where another process is at it."""
        attempt = _Attempt()
        while True:
            try:
                return await self._one(tenant, request_id, attempt)
            except Raised as at:
                attempt.raised[place_of(at.record)] = at.error
            except RECORD as error:
                attempt.narrow(error)

    async def _one(self, tenant: TenantId, request_id: UUID, attempt: "_Attempt") -> bool:
        await self._open_days(tenant, request_id, attempt.most)
        async with transaction(self._pool, [OPERATOR, tenant]) as connection:
            row = await connection.fetchrow(_TAKE, tenant, request_id)
            if row is None:
                return False
            learner = tenant, LearnerId(row["learner"])
            request = Request(learner, row["place"], row["action"] == "discard")
            outcome, followed = await self._replay(connection, request, attempt)
            await connection.execute(_DONE, tenant, request_id, outcome, followed)
        return True

    async def _open_days(self, tenant: TenantId, request_id: UUID, most: int) -> None:
        """Open the inbox for what could not be read when it came, before a transaction holds it as it is.

        What is parked behind that meanwhile finds its day with the next request.
        """
        async with transaction(self._pool, [tenant]) as connection:
            learner = await connection.fetchval(_ABOUT, tenant, request_id)
            found = await waiting_of(connection, self._work.consumer, (tenant, learner), most)
        unread = [row.record for row in found if not row.entered]
        await self._work.open_days(read(self._work.handler, unread))

    async def _replay(self, connection: Connection, request: Request, attempt: "_Attempt") -> tuple[str, int]:
        consumer, learner = self._work.consumer, request.learner
        partitions = await partitions_of(connection, consumer, learner)
        await fence.lock(connection, consumer, partitions)
        opened = await self._work.hold(connection, learner)
        found = await waiting_of(connection, consumer, learner, attempt.most + 1)
        if not found or found[0].place != request.place:
            return GONE, 0
        most = min(attempt.most, _together(found, partitions))
        attempt.first = found[0].record
        unit = self._work.unit(connection, opened)
        taken = await retake(self._work, unit, opened, found[:most], attempt.raised, discard=request.discard)
        self._write(unit, learner, taken)
        if taken.stays is None and len(found) > most:
            ask_again(unit.writes, consumer, {learner: found[most].place})
        await unit.timers.store(connection, unit.writes)
        await close_unit(unit, consumer, {})
        if not taken.ended:
            return STAYS, 0
        return taken.ended[0][1].value, len(taken.ended) - 1

    def _write(self, unit: Unit, learner: LearnerKey, taken: Retaken) -> None:
        """Let go what has ended, say why the first of the rest stays, and move the counts."""
        consumer = self._work.consumer
        moved = list(taken.ended)
        if taken.ended:
            remove(unit.writes, consumer, learner, [row for row, _ in taken.ended])
        if taken.stays is not None:
            outcome = outcome_of(taken.stays.error)
            moved.append((taken.stays, outcome))
            restate(unit.writes, consumer, learner, taken.stays._replace(outcome=outcome), taken.change)
        for row, outcome in moved:
            if outcome is Outcome.DEAD_LETTERED and row.outcome is not outcome:
                unit.outgoing.append(dead_letter(consumer, learner[0], row.record, row.error))
        recount(unit.writes, consumer, moved)


def _together(found: Sequence[Waiting], partitions: Collection[Partition]) -> int:
    """Return how many of the waiting records one unit may take.

    One that came from another partition meanwhile is for the next replay: its count is not locked. So is one
    of a topic that was made again where an earlier one stood: a unit tells records by their places.
    """
    places: set[Place] = set()
    for number, row in enumerate(found):
        if row.record.at not in partitions or place_of(row.record) in places:
            return number
        places.add(place_of(row.record))
    return len(found)
