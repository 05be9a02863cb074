# SPDX-License-Identifier: Apache-2.0
"""What the Kafka door leaves of a record that it has not taken in: a reference, never the bytes."""

import json

from chassis.errors import Reject
from chassis.streams.message import Message
from chassis.unit.deadletter import NOBODY, PREFIX, DeadLetter
from chassis.unit.outbox import Outgoing, headers_text
from chassis.unit.unit import Unit
from services.assessment.app.arrival import Arrival
from services.assessment.app.intake import Answer, Verdict
from services.assessment.app.payloads import digest

CONSUMER = "intake"


def put_aside(unit: Unit, message: Message[Arrival], answer: Answer) -> None:
    """Leave a record's reference in the dead letters, and where operators find it."""
    unit.outgoing.append(reference(message, answer))
    why = refusal_of(answer)
    letter = DeadLetter(message.tenant, CONSUMER, NOBODY, message.record, why, answer.payload or "")
    unit.dead_letters.append(letter)


def refusal_of(answer: Answer) -> Reject:
    """Return why a record was not taken in, as its dead letter has it."""
    return Reject("conflict" if answer.verdict is Verdict.CONFLICT else answer.reason, answer.field)


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
        "consumer": CONSUMER,
        "original_topic": record.at.topic,
        "original_partition": str(record.at.number),
        "original_offset": str(record.offset),
        "original_timestamp": str(record.timestamp),
        "reason": refusal_of(answer).reason,
        "field": answer.field,
    }
    headers = [("content-type", b"application/json")]
    headers += [(PREFIX + name, text.encode()) for name, text in added.items()]
    value = json.dumps(about).encode()
    topic = record.at.topic + ".dlq"
    return Outgoing(message.tenant, topic, record.at.number, None, headers_text(headers), value)
