# SPDX-License-Identifier: Apache-2.0
"""From a record of an internal topic to a message: envelope, model, identity, and whose it is.

And to which change it states, of one that is never to be folded.
"""

from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from cairn.cloudevents import CloudEvent, MalformedEvent, from_kafka
from cairn.events.catalogue import (
    EventError,
    UnknownMajor,
    UnknownType,
    UnrecognisedValue,
    content_digest,
    is_ours,
    parse,
)
from cairn.events.change import Change, change_of
from cairn.events.skipped import Skipped, read_skipped
from cairn.ids import topic_key
from chassis.errors import Reject
from chassis.streams.message import Message, Record

M = TypeVar("M")


def decode_event(record: Record, *models: type[M]) -> Message[M]:
    """Return the message of a record that carries one of the models.

    Raises Reject: ``unknown_major``, ``unknown_type``, ``unrecognised_value``, or what is wrong and
    in which field. The key must be the one that orders this learner; a record under another key
    would be folded out of order.
    """
    try:
        envelope = from_kafka(record.headers, record.value)
        event: Any = parse(envelope.type, envelope.data)
    except MalformedEvent as error:
        raise Reject(error.reason, error.field) from None
    except EventError as error:
        raise Reject(_reason(error), error.field) from None
    if type(event) not in models:
        raise Reject("unknown_type", "type")
    if record.key != topic_key(event.tenant, event.learner):
        raise Reject("names another learner than the event", "key")
    return Message(
        record=record,
        tenant=event.tenant,
        learner=event.learner,
        source=envelope.source,
        event_id=envelope.id,
        digest=content_digest(event),
        as_of=_as_of(event),
        event=event,
        traceparent=_traceparent(envelope),
    )


def decode_skipped(record: Record) -> Skipped | None:
    """Return which change a record states, readable or not; None where it states none, or does not say which.

    Nor is one that names another learner than the key anything of the learner who waits.
    """
    try:
        envelope = from_kafka(record.headers, record.value)
    except MalformedEvent:
        return None
    return _skipped_in(record, envelope)


def _skipped_in(record: Record, envelope: CloudEvent) -> Skipped | None:
    skipped = read_skipped(envelope.type, envelope.data)
    if skipped is None or record.key != topic_key(skipped.tenant, skipped.learner):
        return None
    change = change_of(skipped)
    # The database takes no NUL, so that nothing is known of such a subject.
    return None if change is None or "\0" in change.subject else skipped


class About(NamedTuple):
    """What a record is about, as far as it says so of itself; empty or None where it does not."""

    type: str = ""
    change: Change | None = None


def about(record: Record) -> About:
    """Return what a record is about, readable or not: nothing of it that is not of our own making."""
    try:
        envelope = from_kafka(record.headers, record.value)
    except MalformedEvent:
        return About()
    named = envelope.type if is_ours(envelope.type) else ""
    return About(named, change_of(_skipped_in(record, envelope)))


def _reason(error: EventError) -> str:
    match error:
        case UnknownMajor():
            return "unknown_major"
        case UnknownType():
            return "unknown_type"
        case UnrecognisedValue():
            return "unrecognised_value"
        case _:
            return error.reason


def _as_of(event: Any) -> datetime:
    as_of: datetime = event.as_of if hasattr(event, "as_of") else event.recorded_at
    return as_of


def _traceparent(envelope: CloudEvent) -> str | None:
    return envelope.extensions.get("traceparent")
