# SPDX-License-Identifier: Apache-2.0
"""The Kafka door: records of ``ingest.*`` topics go through intake in the transaction of their progress.

What is refused, and the second content of one id, leaves a reference in the topic's dead letters: the
id of the sealed payload, its digest and the reason, never the bytes nor the producer's own key (design
section 2). The tenant follows from the topic.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from cairn.cloudevents import CloudEvent, MalformedEvent, from_kafka
from cairn.events.skipped import Skipped
from cairn.ids import TenantId
from chassis.database import Connection
from chassis.errors import Reject
from chassis.streams.message import NO_OFFSETS, Accepted, Headers, Message, Offsets, Record
from chassis.unit.deadletter import NOBODY, PREFIX, DeadLetter
from chassis.unit.due import Timers
from chassis.unit.fence import Outcome
from chassis.unit.items import Item, Place, messages_of, place_of
from chassis.unit.opening import Opened
from chassis.unit.outbox import Outgoing, headers_text
from chassis.unit.unit import Unit
from chassis.unit.work import UnitOfWork
from services.assessment.app.arrival import Arrival
from services.assessment.app.intake import Answer, Intake, Verdict
from services.assessment.app.payloads import digest
from services.assessment.app.sources import Source

_OUTCOMES = {
    Verdict.STORED: Outcome.APPLIED,
    Verdict.DUPLICATE: Outcome.DUPLICATE,
    Verdict.CONFLICT: Outcome.DEAD_LETTERED,
    Verdict.REFUSED: Outcome.DEAD_LETTERED,
}
# Intake stamps the instant itself, and whose the record is it learns only by reading it.
_NOT_YET = datetime.fromtimestamp(0, UTC)


class IngestDoor:
    """Takes the records of all sources' topics to intake."""

    consumer = "intake"

    def __init__(self, intake: Intake, sources: Iterable[Source]) -> None:
        """Begin with the sources that may publish."""
        self._intake = intake
        self._sources = {source.topic: source for source in sources}
        self.topics = tuple(sorted(self._sources))

    def decode(self, record: Record) -> Message[Arrival]:
        """Read the envelope; what is wrong with it is for intake to judge, as all else is."""
        source = self._sources[record.at.topic]
        arrival = Arrival(source, raw_bytes(record.headers, record.value), _envelope(record))
        return Message(record, source.tenant, NOBODY, source.name, "", b"", _NOT_YET, arrival)

    async def reload(self, _connection: Connection, _tenant: TenantId, _epoch: int, /) -> None:
        """Do nothing: no rule says what is taken in."""

    async def skip(self, _unit: Unit, _skipped: Skipped, /) -> None:
        """Do nothing: what is refused at the door never waits."""

    async def fold(self, unit: Unit, accepted: Sequence[Accepted[Arrival]]) -> None:
        """Take in the arrivals and note how each record ended."""
        answers = await self._intake.take(unit, [each.event for each in accepted])
        for each, answer in zip(accepted, answers, strict=True):
            outcome = _OUTCOMES[answer.verdict]
            unit.end(each.message.record, outcome)
            if outcome is Outcome.DEAD_LETTERED:
                put_aside(unit, each.message, answer)


class IntakeWork(UnitOfWork):
    """The unit of work without inbox, learner locks and epochs.

    A statement's identity outlives every inbox, results need no order (I4), and no rule is read.
    """

    isolation = "read_committed"
    parks = False

    async def open_days(self, items: Sequence[Item]) -> None:
        """Open none: what a statement is known by lies in intake's own table."""

    async def _open(
        self, _connection: Connection, _items: Sequence[Item], progress: Offsets = NO_OFFSETS
    ) -> Opened | None:
        return None if progress else Opened({}, {}, Timers(()), held=False, seen=())

    async def _unit(
        self, connection: Connection, items: Sequence[Item], _opened: Opened, raised: Mapping[Place, Reject]
    ) -> Unit:
        unit = Unit(connection, self._partitions)
        taken: list[Accepted[Arrival]] = []
        for message in messages_of(items):
            if error := raised.get(place_of(message.record)):
                # The database refuses it, so that not even its payload can be kept.
                put_aside(unit, message, Answer(Verdict.REFUSED, reason=error.reason))
                unit.end(message.record, Outcome.DEAD_LETTERED)
            else:
                taken.append(Accepted(message, message.as_of))
        if taken:
            with unit.timed():
                await self.handler.fold(unit, taken)
        return unit


def put_aside(unit: Unit, message: Message[Arrival], answer: Answer) -> None:
    """Leave a record's reference in the dead letters, and where operators find it."""
    unit.outgoing.append(reference(message, answer))
    error = Reject(reason_of(answer), answer.field)
    letter = DeadLetter(
        message.tenant, IngestDoor.consumer, NOBODY, message.record, error, answer.payload or ""
    )
    unit.dead_letters.append(letter)


def reason_of(answer: Answer) -> str:
    """Return why a record was not taken in, as its dead letter has it."""
    return "conflict" if answer.verdict is Verdict.CONFLICT else answer.reason


def raw_bytes(headers: Headers, value: bytes | None) -> bytes:
    """Return what arrived as one text of bytes: the headers as a line of JSON, then the value."""
    return headers_text(headers).encode() + b"\n" + (value or b"")


def _envelope(record: Record) -> CloudEvent | MalformedEvent:
    try:
        return from_kafka(record.headers, record.value)
    except MalformedEvent as error:
        return error


def reference(message: Message[Arrival], answer: Answer) -> Outgoing:
    """Return the dead letter that names a sealed payload, in the partition of the same number."""
    record = message.record
    about = {
        "payload": answer.payload,
        "digest": digest(message.event),
        "verdict": answer.verdict,
        "field": answer.field,
        "reason": answer.reason,
    }
    added = {
        "consumer": IngestDoor.consumer,
        "original_topic": record.at.topic,
        "original_partition": str(record.at.number),
        "original_offset": str(record.offset),
        "original_timestamp": str(record.timestamp),
        "reason": reason_of(answer),
        "field": answer.field,
    }
    headers = [("content-type", b"application/json")]
    headers += [(PREFIX + name, text.encode()) for name, text in added.items()]
    value = json.dumps(about).encode()
    topic = record.at.topic + ".dlq"
    return Outgoing(message.tenant, topic, record.at.number, None, headers_text(headers), value)
