# SPDX-License-Identifier: Apache-2.0
"""Replay and discard of a learner's first waiting record, and of what waits behind it (design section 4).

Asked for in a table, carried out by any process of the consumer: a unit of work that takes the same
locks in the same order, folds in the order of arrival and, within one subject, of revision, and moves each
record's count to how it ended.
"""

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog

from cairn.ids import OPERATOR, LearnerId, TenantId
from chassis.database import Connection, Pool, transaction
from chassis.sqlstate import OUTSIDE, RECORD, REDO, LeftIdle
from chassis.streams.pace import Pace
from chassis.unit.attempt import Attempt
from chassis.unit.breaker import BreakerOpen
from chassis.unit.done import Raised
from chassis.unit.items import place_of, read
from chassis.unit.parking import CONSUMER
from chassis.unit.resuming import Answer, Request, first_of, resume
from chassis.unit.work import UnitOfWork
from chassis.waiting import within

_LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 60.0
_NEXT = "select tenant, id from chassis.next_replay($1) where id is not null"
_ABOUT = "select learner from chassis.replay where tenant = $1 and id = $2 and done_at is null"
_TAKE = """
select learner, place, action from chassis.replay
where tenant = $1 and id = $2 and done_at is null
for update skip locked
"""
_DONE = """
update chassis.replay
set done_at = now(), outcome = $3::text, followed = $4::int,
    skipped_subject = $5::text, skipped_revision = $6::int
where tenant = $1::text and id = $2::uuid and done_at is null
"""
_PUT_BACK = """
update chassis.replay set asked_at = now() + $4::interval
where tenant = $1::text and id = $2::uuid and done_at is null and asked_by = $3::text
returning true
"""

WAITED_OUT: tuple[type[Exception], ...] = (BreakerOpen, *OUTSIDE, *REDO)
FAILED = "failed"
"""What an operator asked for could not be carried out, and nothing has changed; the log says why."""

log = structlog.get_logger()


class Replays:
    """Carries out the requests of one consumer, each in a transaction of its own."""

    def __init__(self, pool: Pool, work: UnitOfWork) -> None:
        self._pool = pool
        self._work = work
        self._pace = Pace()
        self._tried: tuple[UUID, Attempt] | None = None

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
        """Carry out the request that has waited longest, or come nearer to it; tell whether there was one."""
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
        self._tried = None
        async with transaction(self._pool, [tenant]) as connection:
            if not await _put_back(connection, tenant, request_id):
                await _end(connection, tenant, request_id, Answer(FAILED))
        return True

    async def _carry_out(self, tenant: TenantId, request_id: UUID) -> bool:
        """Try until no record stands in the way or one was too long; False where another process is at it."""
        attempt = self._attempt_at(request_id)
        while True:
            try:
                done = await self._one(tenant, request_id, attempt)
            except Raised as at:
                attempt.raised[place_of(at.record)] = at.error
            except LeftIdle as error:
                self._pace.note(attempt.taken, error.seconds)
                attempt.shorten(error, self._pace.of(attempt.most // 2))
                return True
            except RECORD as error:
                attempt.narrow(error)
            else:
                if done:
                    self._pace.note(attempt.taken, attempt.seconds)
                    self._tried = None
                if done is not None:
                    return done

    def _attempt_at(self, request_id: UUID) -> Attempt:
        """Return what is known of a request that was tried before, by this process, with no other since.

        While one process thinks about it for too long, another takes it: either has to know its own tries.
        """
        if self._tried is None or self._tried[0] != request_id:
            attempt = Attempt()
            attempt.most = self._pace.of(attempt.most)
            self._tried = (request_id, attempt)
        return self._tried[1]

    async def _one(self, tenant: TenantId, request_id: UUID, attempt: Attempt) -> bool | None:
        """Try once; None, with nothing done, where that has to begin again."""
        known = self._work.forgotten
        await self._open_days(tenant, request_id, attempt.most)
        async with transaction(self._pool, [OPERATOR, tenant]) as connection:
            if self._work.has_forgotten_since(known, connection):
                return None
            row = await connection.fetchrow(_TAKE, tenant, request_id)
            if row is None:
                return False
            learner = tenant, LearnerId(row["learner"])
            request = Request(learner, row["place"], row["action"] == "discard")
            answer = await resume(self._work, connection, request, attempt)
            await _end(connection, tenant, request_id, answer)
        return True

    async def _open_days(self, tenant: TenantId, request_id: UUID, most: int) -> None:
        """Open the inbox for what could not be read when it came, before a transaction holds it as it is.

        What is parked behind that meanwhile finds its day with the next request.
        """
        async with transaction(self._pool, [tenant]) as connection:
            learner = await connection.fetchval(_ABOUT, tenant, request_id)
            found, _ = await first_of(self._work, connection, (tenant, learner), most)
        unread = [row.record for row in found if not row.entered]
        await self._work.open_days(read(self._work.handler, unread))


async def _put_back(connection: Connection, tenant: TenantId, request_id: UUID) -> bool:
    """Have a request of the consumer itself tried again later; False where an operator asked, who is told."""
    pause = timedelta(seconds=_AGAIN_SECONDS)
    return bool(await connection.fetchval(_PUT_BACK, tenant, request_id, CONSUMER, pause))


async def _end(connection: Connection, tenant: TenantId, request_id: UUID, answer: Answer) -> None:
    skipped = answer.skipped or (None, None)
    await connection.execute(_DONE, tenant, request_id, answer.outcome, answer.followed, *skipped)
