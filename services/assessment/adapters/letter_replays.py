# SPDX-License-Identifier: Apache-2.0
"""Takes in again what intake has put aside, once its cause is mended: by an operator's request.

What arrived lies sealed beside the letter's name. It is read, judged and published as if it came now, and
its count moves to how it has ended; what is refused once more stays a dead letter, with its new reason.
"""

from typing import NamedTuple
from uuid import UUID

import structlog

from cairn.ids import TenantId
from chassis.database import Connection, Pool, transaction
from chassis.errors import Reject
from chassis.sqlstate import RECORD, refused
from chassis.streams.message import Partition
from chassis.unit import fence
from chassis.unit.blame import raised_by
from chassis.unit.closing import publish_unit
from chassis.unit.deadletter import storable
from chassis.unit.fence import Outcome
from chassis.unit.recounting import Recount, recount
from chassis.unit.requests import GONE, STAYS, WAITED_OUT, Answer, Requests, end, take
from services.assessment.adapters.ingest import OUTCOMES
from services.assessment.adapters.ingest_letters import refusal_of
from services.assessment.adapters.intake_work import IntakeWork

# Of two requests about one letter the second waits here, and finds what the first has done.
_LETTER = """
select topic, partition, payload from chassis.dead_letter
where tenant = $1 and id = $2 and consumer = $3 and replayed_at is null and discarded_at is null
for no key update
"""
_TAKEN_IN = "update chassis.dead_letter set replayed_at = now() where tenant = $1::text and id = $2::bigint"
_RESTATE = """
update chassis.dead_letter set reason = $3::text, field = $4::text
where tenant = $1::text and id = $2::bigint and replayed_at is null and discarded_at is null
"""

log = structlog.get_logger()


class _Letter(NamedTuple):
    tenant: TenantId
    number: int
    at: Partition
    payload: str


class LetterReplays(Requests):
    """Carries out the requests about dead letters, each in a transaction of its own."""

    def __init__(self, pool: Pool, work: IntakeWork) -> None:
        super().__init__(pool, work.consumer)
        self._work = work

    async def carry_out(self, tenant: TenantId, request_id: UUID) -> bool:
        """Carry out one request; False where another process is at it.

        What is raised at a record, or refused by the database, is why it stays.
        """
        try:
            return await self._one(tenant, request_id)
        except WAITED_OUT:
            raise
        except RECORD as error:
            return await self._leave(tenant, request_id, refused(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised at this one record
            return await self._leave(tenant, request_id, raised_by(error))

    async def _one(self, tenant: TenantId, request_id: UUID) -> bool:
        async with transaction(self._pool, [tenant]) as connection:
            request = await take(connection, tenant, request_id)
            if request is None:
                return False
            letter = await self._letter(connection, tenant, request.place)
            outcome = GONE if letter is None else await self._take_again(connection, letter)
            await end(connection, tenant, request_id, Answer(outcome))
        return True

    async def _leave(self, tenant: TenantId, request_id: UUID, why: Reject) -> bool:
        log.warning("dead letter stays", consumer=self._consumer, request=str(request_id), reason=why.reason)
        async with transaction(self._pool, [tenant]) as connection:
            request = await take(connection, tenant, request_id)
            if request is None:
                return False
            await connection.execute(_RESTATE, tenant, request.place, why.reason, storable(why.field))
            await end(connection, tenant, request_id, Answer(STAYS))
        return True

    async def _letter(self, connection: Connection, tenant: TenantId, number: int) -> _Letter | None:
        row = await connection.fetchrow(_LETTER, tenant, number, self._consumer)
        if row is None:
            return None
        return _Letter(tenant, number, Partition(row["topic"], row["partition"]), row["payload"])

    async def _take_again(self, connection: Connection, letter: _Letter) -> str:
        await fence.lock(connection, self._consumer, [letter.at])
        unit = await self._work.begin(connection)
        answer = await self._work.handler.take_again(unit, letter.tenant, letter.at.topic, letter.payload)
        ended = OUTCOMES[answer.verdict]
        if ended is Outcome.DEAD_LETTERED:
            why = refusal_of(answer)
            unit.writes.add(_RESTATE, letter.tenant, letter.number, why.reason, storable(why.field))
        else:
            unit.writes.add(_TAKEN_IN, letter.tenant, letter.number)
            recount(unit.writes, self._consumer, [Recount(letter.at, Outcome.DEAD_LETTERED, ended)])
        await publish_unit(unit)
        return STAYS if ended is Outcome.DEAD_LETTERED else ended.value
