# SPDX-License-Identifier: Apache-2.0
"""From what arrived at a door to a canonical event, or to a refusal with field and reason.

No refusal quotes a value: field names come from the models, reasons from fixed texts.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

from cairn.cloudevents import CloudEvent, MalformedEvent
from cairn.events.catalogue import CATALOGUE, EventError, UnknownMajor, UnknownType, content_digest, parse
from cairn.events.native import LearnerIdentifier, NativeResult, NativeRetraction, type_of_native
from cairn.events.result import ResultRecorded, ResultRetracted
from cairn.ids import LearnerId, TenantId
from chassis.errors import Bug, Reject
from services.assessment.app.sources import Source
from services.assessment.domain.results import result_id

Canonical: TypeAlias = ResultRecorded | ResultRetracted
Identify: TypeAlias = Callable[[TenantId, LearnerIdentifier], LearnerId]

_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)
_LONGEST_ID = 256
# A number that a float cannot hold as written; inside a text it costs a second look and no more.
_inexact = re.compile(rb"[0-9][0-9.]{15}|[0-9][eE]")
_traceparent = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_control = re.compile(r"[\x00-\x1f\x7f]")


class Arrival(NamedTuple):
    """One item at a door: its bytes as received, and the event or what is wrong with it.

    ``trace`` is of the request that brought it, for an event that carries none of its own.
    """

    source: Source
    raw: bytes
    event: CloudEvent | MalformedEvent
    trace: str | None = None


class Candidate(NamedTuple):
    """A canonical event that is acceptable by itself, with the id under which it is known."""

    id: str
    event: Canonical
    digest: bytes
    traceparent: str | None

    @property
    def key(self) -> tuple[TenantId, str]:
        """What identifies the statement among all of its institution's."""
        return self.event.tenant, self.id


def read(arrival: Arrival, identify: Identify, as_of: datetime) -> Candidate:
    """Make the canonical event of an arrival, stamped with ``as_of``; raise Reject where there is none."""
    envelope, source = arrival.event, arrival.source
    if isinstance(envelope, MalformedEvent):
        raise Reject(envelope.reason, envelope.field)
    if len(envelope.id) > _LONGEST_ID:
        raise Reject(f"is longer than {_LONGEST_ID} characters", "id")
    native = _native(envelope)
    _check(source, native, as_of)
    known = result_id(source.tenant, source.name, envelope.id)
    common = {
        "tenant": source.tenant,
        "learner": identify(source.tenant, native.learner),
        "source": source.name,
        "source_event_id": envelope.id,
        "result_id": known,
        "occurred_at": native.occurred_at,
        "recorded_at": as_of,
    }
    event: Canonical
    match native:
        case NativeResult():
            event = _recorded(native, common)
        case NativeRetraction():
            event = _retracted(native, source, common)
    return Candidate(known, event, content_digest(event), _trace(envelope) or arrival.trace)


def _trace(envelope: CloudEvent) -> str | None:
    # Anything but the form of W3C Trace Context could carry an identifier from outside.
    parent = envelope.extensions.get("traceparent", "")
    return parent if _traceparent.fullmatch(parent) else None


def _native(envelope: CloudEvent) -> NativeResult | NativeRetraction:
    if envelope.type in CATALOGUE and envelope.type not in type_of_native:
        raise Reject("unknown_type", "type")
    try:
        event = parse(envelope.type, _exact(envelope.data))
    except UnknownMajor:
        raise Reject("unknown_major", "type") from None
    except UnknownType:
        raise Reject("unknown_type", "type") from None
    except EventError as error:
        raise Reject(error.reason, error.field) from None
    match event:
        case NativeResult() | NativeRetraction():
            return event
        case _:
            raise Bug("a type of the native dialect has another model")


def _exact(data: bytes | None) -> bytes | None:
    """Put numbers that a float would round into texts, so that none goes through one (I10)."""
    if data is None or not _inexact.search(data):
        return data
    try:
        return json.dumps(json.loads(data, parse_float=str)).encode()
    except (ValueError, RecursionError):
        return data


def _check(source: Source, native: NativeResult | NativeRetraction, as_of: datetime) -> None:
    if native.tenant is not None and native.tenant != source.tenant:
        raise Reject("names another tenant than the source's", "tenant")
    _refuse_controls("learner.issuer", native.learner.issuer)
    _check_time("occurred_at", native.occurred_at, as_of)
    if isinstance(native, NativeResult):
        _refuse_controls("activity", native.activity)
        if native.modified_at is not None:
            _check_time("modified_at", native.modified_at, as_of)


def _check_time(field: str, at: datetime, as_of: datetime) -> None:
    if at < _EARLIEST:
        raise Reject("lies before 1900-01-01", field)
    if at > as_of + _AHEAD:
        raise Reject("lies more than a day in the future", field)


def _refuse_controls(field: str, text: str) -> None:
    if not text.isprintable() and _control.search(text):
        raise Reject("holds a control character", field)


def _recorded(native: NativeResult, common: dict[str, Any]) -> ResultRecorded:
    return ResultRecorded(
        **common,
        activity=native.activity,
        attempt=native.attempt,
        score=native.score,
        outcome=native.outcome,
        finality=native.finality,
        integrity=native.integrity,
        grader=native.grader,
        carried_over=native.carried_over,
        version=native.version,
        modified_at=native.modified_at,
    )


def _retracted(native: NativeRetraction, source: Source, common: dict[str, Any]) -> ResultRetracted:
    # The platform's own words stay in the sealed payload: they may name a person.
    return ResultRetracted(**common, retracts=result_id(source.tenant, source.name, native.retracts))
