# SPDX-License-Identifier: Apache-2.0
"""Replay and discard of a learner's first waiting record, and of what waits behind it (design section 4).

Asked for in a table, carried out by any process of the consumer: a unit of work that takes the same
locks in the same order, folds in the order of arrival and, within one subject, of revision, and moves each
record's count to how it ended.
"""

from uuid import UUID

from cairn.ids import OPERATOR, TenantId
from chassis.database import Pool, transaction
from chassis.sqlstate import RECORD, LeftIdle
from chassis.streams.pace import Pace
from chassis.unit.attempt import Attempt
from chassis.unit.done import Raised
from chassis.unit.items import place_of, read
from chassis.unit.requests import WAITED_OUT, Requests, end, take
from chassis.unit.resuming import first_of, resume
from chassis.unit.work import UnitOfWork

_ABOUT = "select learner from chassis.replay where tenant = $1 and id = $2 and done_at is null"


class Replays(Requests):
    """Carries out the requests of one consumer, each in a transaction of its own."""

    def __init__(self, pool: Pool, work: UnitOfWork) -> None:
        super().__init__(pool, work.consumer)
        self._work = work
        self._pace = Pace()
        self._tried: tuple[UUID, Attempt] | None = None

    async def carry_out(self, tenant: TenantId, request_id: UUID) -> bool:
        """Carry out one request, or come nearer to it; False where another process is at it."""
        try:
            return await self._try(tenant, request_id)
        except WAITED_OUT:
            raise
        except Exception:
            self._tried = None
            raise

    async def _try(self, tenant: TenantId, request_id: UUID) -> bool:
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
            request = await take(connection, tenant, request_id)
            if request is None:
                return False
            answer = await resume(self._work, connection, request, attempt)
            await end(connection, tenant, request_id, answer)
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
