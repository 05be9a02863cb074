# SPDX-License-Identifier: Apache-2.0
"""The unit of work of the Kafka door."""

from collections.abc import Mapping, Sequence

from cairn.cloudevents import MalformedEvent
from chassis.database import Connection
from chassis.errors import Reject
from chassis.streams.message import NO_OFFSETS, Accepted, Message, Offsets
from chassis.unit.asides import count_bugs
from chassis.unit.blame import Defect, folding
from chassis.unit.done import EndsWith
from chassis.unit.fence import Outcome
from chassis.unit.items import Item, Place, messages_of, place_of
from chassis.unit.opening import Opened, open_unit
from chassis.unit.unit import Unit
from chassis.unit.work import UnitOfWork
from services.assessment.adapters.ingest import IngestDoor
from services.assessment.adapters.ingest_letters import put_aside
from services.assessment.app.arrival import Arrival
from services.assessment.app.intake import Answer, Verdict


class IntakeWork(UnitOfWork):
    """The unit of work without inbox, learner locks and epochs.

    A statement's identity outlives every inbox, results need no order (I4), and no rule is read. What
    reading raises at, or the database refuses, is a bug like at any consumer, and counts for the breaker.
    """

    handler: IngestDoor
    isolation = "read_committed"
    parks = False

    async def open_days(self, items: Sequence[Item]) -> None:
        """Open none: what a statement is known by lies in intake's own table."""

    async def begin(self, connection: Connection) -> Unit:
        """Begin a unit whose progress rows are locked already; raises BreakerOpen."""
        await self._open(connection, ())
        return Unit(connection, self._partitions)

    async def _open(
        self, connection: Connection, _items: Sequence[Item], progress: Offsets = NO_OFFSETS
    ) -> Opened | None:
        return await open_unit(connection, self.consumer, progress, tenants=(), learners=(), arrivals=())

    async def _unit(
        self, connection: Connection, items: Sequence[Item], _opened: Opened, raised: Mapping[Place, Reject]
    ) -> Unit:
        unit, messages = Unit(connection, self._partitions), messages_of(items)
        taken: list[Accepted[Arrival]] = []
        for message in messages:
            match raised.get(place_of(message.record)):
                case None:
                    taken.append(Accepted(message, message.as_of))
                case Defect(reason=reason):
                    taken.append(Accepted(_unread(message, reason), message.as_of))
                case error:
                    # The database refuses it, so that not even its payload can be kept.
                    put_aside(unit, message, Answer(Verdict.REFUSED, reason=error.reason))
                    unit.end(message.record, Outcome.DEAD_LETTERED)
        if taken:
            with folding(unit):
                await self.handler.fold(unit, taken)
        records = [message.record for message in messages]
        bugs = [record for record in records if place_of(record) in raised]
        if last := await count_bugs(unit, self.consumer, records, bugs):
            raise EndsWith(last)
        return unit


def _unread(message: Message[Arrival], reason: str) -> Message[Arrival]:
    """Return a message that says why it could not be read; of its bytes nothing is lost."""
    arrival = message.event._replace(event=MalformedEvent("", reason))
    return message._replace(event=arrival)
