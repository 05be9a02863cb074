# SPDX-License-Identifier: Apache-2.0
"""What operators, or the consumer itself, have asked for in a table: one after the other, by any process."""

import asyncio
from abc import ABC, abstractmethod
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import structlog

from cairn.events.change import Change
from cairn.ids import LearnerId, TenantId
from chassis.database import Connection, Pool, transaction
from chassis.sqlstate import OUTSIDE, REDO
from chassis.unit.breaker import BreakerOpen
from chassis.unit.learners import LearnerKey
from chassis.unit.parking import CONSUMER
from chassis.waiting import within

_LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 60.0
_NEXT = "select tenant, id from chassis.next_replay($1) where id is not null"
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
GONE = "gone"
"""What was meant is not there any more: not the learner's first waiting record, or no dead letter."""
STAYS = "stays"
"""It waits on: neither it nor what it waits for could be folded to the end."""

log = structlog.get_logger()


class Request(NamedTuple):
    """What was asked about one waiting record, or, with an empty learner, about one dead letter."""

    learner: LearnerKey
    place: int
    discard: bool


class Answer(NamedTuple):
    """What became of the record that was meant."""

    outcome: str
    followed: int = 0
    """How many others wait no more, whichever way they ended."""
    skipped: Change | None = None
    """Which change was passed over, where it says so."""


class Requests(ABC):
    """Has the requests of one consumer carried out in turn; none holds up those behind it."""

    def __init__(self, pool: Pool, consumer: str) -> None:
        self._pool = pool
        self._consumer = consumer

    @abstractmethod
    async def carry_out(self, tenant: TenantId, request_id: UUID) -> bool:
        """Carry out one request, or come nearer to it; False where another process is at it."""

    async def run(self, stop: asyncio.Event) -> None:
        """Carry out what is asked until told to stop; what an outside cause prevents is tried again."""
        while not stop.is_set():
            busy = False
            try:
                busy = await self.next()
            except WAITED_OUT as error:
                log.info("replay waits", consumer=self._consumer, error=type(error).__name__)
            if not busy:
                await within(_LOOK_SECONDS, stop)

    async def next(self) -> bool:
        """Carry out the request that has waited longest, or come nearer to it; tell whether there was one."""
        found = await self._pool.fetchrow(_NEXT, self._consumer)
        if found is None:
            return False
        tenant, request_id = TenantId(found["tenant"]), found["id"]
        try:
            return await self.carry_out(tenant, request_id)
        except WAITED_OUT:
            raise
        except Exception:
            # Whatever it is, it must not hold up the requests behind it.
            log.exception("replay failed", consumer=self._consumer, request=str(request_id))
        async with transaction(self._pool, [tenant]) as connection:
            if not await _put_back(connection, tenant, request_id):
                await end(connection, tenant, request_id, Answer(FAILED))
        return True


async def take(connection: Connection, tenant: TenantId, request_id: UUID) -> Request | None:
    """Lock a request that is not done; None where there is none, or another process is at it."""
    row = await connection.fetchrow(_TAKE, tenant, request_id)
    if row is None:
        return None
    return Request((tenant, LearnerId(row["learner"])), row["place"], row["action"] == "discard")


async def end(connection: Connection, tenant: TenantId, request_id: UUID, answer: Answer) -> None:
    """Say what has become of a request."""
    skipped = answer.skipped or (None, None)
    await connection.execute(_DONE, tenant, request_id, answer.outcome, answer.followed, *skipped)


async def _put_back(connection: Connection, tenant: TenantId, request_id: UUID) -> bool:
    """Have a request of the consumer itself tried again later; False where an operator asked, who is told."""
    pause = timedelta(seconds=_AGAIN_SECONDS)
    return bool(await connection.fetchval(_PUT_BACK, tenant, request_id, CONSUMER, pause))
