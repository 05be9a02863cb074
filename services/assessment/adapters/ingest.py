# SPDX-License-Identifier: Apache-2.0
"""The Kafka door: records of ``ingest.*`` topics go through intake in the transaction of their progress.

What is refused, and the second content of one id, leaves a reference in the topic's dead letters: the
id of the sealed payload, its digest and the reason, never the bytes nor the producer's own key (design
section 2). The tenant follows from the topic.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json, to_json

from cairn.cloudevents import CloudEvent, MalformedEvent, from_kafka
from cairn.events.skipped import Skipped
from cairn.ids import TenantId
from chassis.database import Connection
from chassis.errors import Reject
from chassis.streams.message import Accepted, Headers, Message, Record
from chassis.unit.deadletter import NOBODY
from chassis.unit.fence import Outcome
from chassis.unit.unit import Unit
from services.assessment.adapters.ingest_letters import CONSUMER, put_aside
from services.assessment.app.arrival import Arrival
from services.assessment.app.intake import Answer, Intake, Reading, Verdict
from services.assessment.app.sources import Source

OUTCOMES = {
    Verdict.STORED: Outcome.APPLIED,
    Verdict.DUPLICATE: Outcome.DUPLICATE,
    Verdict.CONFLICT: Outcome.DEAD_LETTERED,
    Verdict.REFUSED: Outcome.DEAD_LETTERED,
}
# Intake stamps the instant itself, and whose the record is it learns only by reading it.
_NOT_YET = datetime.fromtimestamp(0, UTC)


class IngestDoor:
    """Takes the records of all sources' topics to intake."""

    consumer = CONSUMER

    def __init__(self, intake: Intake, sources: Iterable[Source]) -> None:
        """Begin with the sources that may publish."""
        self._intake = intake
        self._sources = {source.topic: source for source in sources}
        self.topics = tuple(sorted(self._sources))

    def decode(self, record: Record) -> Message[Arrival]:
        """Read the envelope; what is wrong with it is for intake to judge, as all else is."""
        source = self._sources[record.at.topic]
        arrival = _arrival(source, record.headers, record.value)
        return Message(record, source.tenant, NOBODY, source.name, "", b"", _NOT_YET, arrival)

    async def reload(self, _connection: Connection, _tenant: TenantId, _epoch: int, /) -> None:
        """Do nothing: no rule says what is taken in."""

    async def skip(self, _unit: Unit, _skipped: Skipped, /) -> None:
        """Do nothing: what is refused at the door never waits."""

    async def fold(self, unit: Unit, accepted: Sequence[Accepted[Arrival]]) -> None:
        """Take in the arrivals and note how each record ended."""
        as_of = self._intake.now()
        readings: list[Reading] = []
        for each in accepted:
            unit.current = each.message
            readings.append(await self._intake.read(unit, each.event, as_of))
        unit.current = None  # what raises from here on is no fault of one of them
        answers = await self._intake.settle(unit, [each.event for each in accepted], readings, as_of)
        for each, answer in zip(accepted, answers, strict=True):
            outcome = OUTCOMES[answer.verdict]
            unit.end(each.message.record, outcome)
            if outcome is Outcome.DEAD_LETTERED:
                put_aside(unit, each.message, answer)

    async def take_again(self, unit: Unit, tenant: TenantId, topic: str, payload: str) -> Answer:
        """Take in what was put aside, as if it came now; raises Reject where it cannot be read any more."""
        source = self._sources.get(topic)
        if source is None or source.tenant != tenant:
            raise Reject("its source is not among those that may publish")
        raw = await self._intake.kept(unit.connection, source, payload)
        (answer,) = await self._intake.take(unit, [_arrival(source, *read_raw(raw))])
        return answer


def raw_bytes(headers: Iterable[tuple[str, bytes | None]], value: bytes | None) -> bytes:
    """Return what arrived as one text of bytes: the headers as a line of JSON, then the value.

    A header that is null, as Kafka allows, is null there; without a value the line does not end.
    """
    told = [(name, None if raw is None else raw.decode("latin-1")) for name, raw in headers]
    return to_json(told) + (b"" if value is None else b"\n" + value)


def read_raw(raw: bytes) -> tuple[Headers, bytes | None]:
    """Read what :func:`raw_bytes` made of a record."""
    line, ended, value = raw.partition(b"\n")
    headers: list[Any] = [
        (name, None if text is None else text.encode("latin-1")) for name, text in from_json(line)
    ]
    return tuple(headers), value if ended else None


def _arrival(source: Source, headers: Headers, value: bytes | None) -> Arrival:
    return Arrival(source, raw_bytes(headers, value), _envelope(headers, value))


def _envelope(headers: Headers, value: bytes | None) -> CloudEvent | MalformedEvent:
    try:
        return from_kafka(headers, value)
    except MalformedEvent as error:
        return error
