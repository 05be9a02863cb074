# SPDX-License-Identifier: Apache-2.0
"""Every event type, its model and its one cached adapter: the only place that parses and writes them.

Reading is strict about types and liberal about fields: a number is no time and a text is no
integer, but unknown fields are ignored, so that a minor version may add one. The errors, each with
``field`` and ``reason``, none of them quoting a value::

    EventError
        UnknownType            no such event
        UnknownMajor           the event is known in another major version
        InvalidEvent           not what the model says
            UnrecognisedValue  a value that a closed list of this version has not
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from cairn.cloudevents.event import CloudEvent
from cairn.events.attainment import AttainmentChanged, type_of_attainment
from cairn.events.decision import DecisionMade, type_of_decision
from cairn.events.entry import EntryRecorded, type_of_entry
from cairn.events.fact import LearnerFact, type_of_fact
from cairn.events.native import NativeResult, NativeRetraction, type_of_native
from cairn.events.reevaluation import DueReached, EpochRaised, type_of_reevaluation
from cairn.events.result import ResultRecorded, ResultRetracted, type_of_result
from cairn.events.wire import instant_text
from cairn.ids import LearnerId, TenantId

Event: TypeAlias = (
    NativeResult
    | NativeRetraction
    | ResultRecorded
    | ResultRetracted
    | AttainmentChanged
    | DecisionMade
    | EntryRecorded
    | LearnerFact
    | DueReached
    | EpochRaised
)
M = TypeVar("M")


class EventError(ValueError):
    """An event cannot be read; ``field`` and ``reason`` say why and never quote what was sent."""

    def __init__(self, field: str, reason: str) -> None:
        """Name the field as a path with dots, or the attribute ``type``."""
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


class UnknownType(EventError):
    """No event has this type."""


class UnknownMajor(EventError):
    """The type is known in another major version."""


class InvalidEvent(EventError):
    """The data is not what the model of its type says."""


class UnrecognisedValue(InvalidEvent):
    """A closed list has no such value in this version; a later one may."""


@cache
def adapter_for(model: type[M]) -> TypeAdapter[M]:
    """Return the one adapter of a model; making one costs a thousand times what using it does."""
    return TypeAdapter(model)


_models: dict[str, Any] = {
    **type_of_native,
    **type_of_result,
    **type_of_fact,
    **type_of_attainment,
    **type_of_decision,
    **type_of_entry,
    **type_of_reevaluation,
}
CATALOGUE: Mapping[str, tuple[Any, TypeAdapter[Any]]] = MappingProxyType(
    {name: (model, adapter_for(model)) for name, model in _models.items()}
)
"""Type name → (model, adapter), of every event."""

_names = {model: name for name, model in _models.items()}
_versioned = re.compile(r"(.+)\.v[1-9][0-9]{0,8}\Z")
_unversioned = frozenset(found[1] for found in map(_versioned.match, _models) if found)
# What says when Cairn learned of it is no content: a source may send the same thing again later.
_NOT_CONTENT = {"as_of", "recorded_at"}


def event_type(event: Event) -> str:
    """Return the type name of an event, such as ``org.cairn.records.entry.recorded.v1``."""
    return _names[type(event)]


def is_ours(type_name: str) -> bool:
    """Tell whether a type is one of these events, in whatever major version."""
    found = _versioned.match(type_name)
    return found is not None and found[1] in _unversioned


def parse(type_name: str, data: bytes | None) -> Event:
    """Read the JSON data of an event; raises EventError, and nothing else, whatever the bytes are."""
    adapter = _adapter_of(type_name)
    if data is None:
        raise InvalidEvent("", "there is no data")
    try:
        event: Event = adapter.validate_json(data, strict=True)
    except ValidationError as error:
        # Out of the context, because the validation error quotes what it refuses.
        refusal = _refusal(error)
    else:
        return event
    raise refusal


def dump(event: Event) -> bytes:
    """Write an event as JSON; what is not set is left out."""
    return CATALOGUE[_names[type(event)]][1].dump_json(event, exclude_none=True)


def content_digest(event: Event) -> bytes:
    """Return 16 bytes that are equal exactly when the parsed contents are.

    Fields left at their default do not count, so that a field added by a minor version changes no
    digest of an event without it. Neither do ``as_of`` and ``recorded_at``.
    """
    name = _names[type(event)]
    content = CATALOGUE[name][1].dump_json(event, exclude=_NOT_CONTENT, exclude_defaults=True)
    return blake2b(name.encode() + b"\0" + content, digest_size=16).digest()


def to_cloudevent(  # noqa: PLR0913 - the attributes of one envelope, all by name
    event: Event,
    *,
    id: str,  # noqa: A002 - the attribute's own name
    source: str,
    tenant: TenantId,
    learner: LearnerId,
    as_of: datetime,
    traceparent: str | None = None,
) -> CloudEvent:
    """Put an event about a learner into its envelope; ``source`` as :func:`source_of` makes it."""
    extensions = {"asof": instant_text(as_of), "partitionkey": f"{tenant}/{learner}"}
    if traceparent is not None:
        extensions["traceparent"] = traceparent
    return CloudEvent(
        id=id,
        source=source,
        type=_names[type(event)],
        data=dump(event),
        time=as_of,
        subject=learner,
        extensions=extensions,
    )


def source_of(service: str, tenant: TenantId) -> str:
    """Return the CloudEvents source of what a service publishes for a tenant."""
    return f"urn:cairn:{service}:{tenant}"


def _adapter_of(type_name: str) -> TypeAdapter[Any]:
    known = CATALOGUE.get(type_name)
    if known is not None:
        return known[1]
    found = _versioned.match(type_name)
    if found and found[1] in _unversioned:
        raise UnknownMajor("type", "is known in another major version")
    raise UnknownType("type", "is not known")


def _refusal(error: ValidationError) -> InvalidEvent:
    first: ErrorDetails = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    kind = UnrecognisedValue if first["type"] in {"enum", "literal_error"} else InvalidEvent
    return kind(field, first["msg"])
