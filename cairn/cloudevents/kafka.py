# SPDX-License-Identifier: Apache-2.0
"""The CloudEvents 1.0.2 Kafka binding: binary mode out, binary and structured mode in.

Liberal where producers differ: header names in any case; ``content-type`` or, in its absence,
``ce_datacontenttype`` (Open edX sends both; ``content-type`` holds, as the binding wants). Of a
header that is sent more than once the last holds, as with Kafka's own ``Headers.lastHeader``.
Headers without the prefix ``ce_`` belong to the transport and are not read.
"""

from collections.abc import Collection

from cairn.cloudevents.event import (
    OURS,
    STANDARD,
    CloudEvent,
    MalformedEvent,
    check_extension,
    check_name,
    make_event,
)
from cairn.cloudevents.structured import read_structured
from cairn.events.wire import instant_text

Headers = list[tuple[str, bytes]]

_STRUCTURED = "application/cloudevents"
_VERSION = ("ce_specversion", b"1.0")
_CONTENT_TYPE = "content-type"
_familiar = {"ce_" + name: name for name in STANDARD | OURS} | {_CONTENT_TYPE: _CONTENT_TYPE}


def to_kafka(event: CloudEvent) -> tuple[Headers, bytes | None]:
    """Write an event in binary mode; without data the value is Kafka's tombstone.

    Raises MalformedEvent for an extension with a name that it cannot have.
    """
    headers = [
        _VERSION,
        ("ce_id", event.id.encode()),
        ("ce_source", event.source.encode()),
        ("ce_type", event.type.encode()),
        ("content-type", event.datacontenttype.encode()),
    ]
    if event.time is not None:
        headers.append(("ce_time", instant_text(event.time).encode()))
    if event.subject is not None:
        headers.append(("ce_subject", event.subject.encode()))
    if event.dataschema is not None:
        headers.append(("ce_dataschema", event.dataschema.encode()))
    for name, text in event.extensions.items():
        if name not in OURS:
            check_extension(name)
        headers.append(("ce_" + name, text.encode()))
    return headers, event.data


def from_kafka(headers: Collection[tuple[str, bytes]], value: bytes | None) -> CloudEvent:
    """Read an event in the mode that its ``content-type`` names (Kafka binding section 3).

    Raises MalformedEvent, and nothing else, whatever the bytes are.
    """
    try:
        attributes = {_familiar[name]: raw.decode() for name, raw in headers}
    except (KeyError, UnicodeDecodeError, AttributeError):
        attributes = _attributes(headers)
    content_type = attributes.pop(_CONTENT_TYPE, None)
    if content_type is None:
        return make_event(attributes, value)
    if content_type[: len(_STRUCTURED)].lower() == _STRUCTURED:
        return _structured(content_type, value)
    attributes["datacontenttype"] = content_type
    return make_event(attributes, value)


def _attributes(headers: Collection[tuple[str, bytes]]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, raw in headers:
        attribute = _familiar.get(name) or _attribute_of(name)
        if attribute:
            try:
                attributes[attribute] = raw.decode()
            except (UnicodeDecodeError, AttributeError):
                # A client library hands on Kafka's null header as None, whatever its types say.
                raise MalformedEvent(attribute, "is not UTF-8 text") from None
    return attributes


def _attribute_of(header: str) -> str:
    lowered = header.lower()
    if lowered.startswith("ce_"):
        check_name(lowered[3:])
        return lowered[3:]
    return _CONTENT_TYPE if lowered == _CONTENT_TYPE else ""


def _structured(media_type: str, value: bytes | None) -> CloudEvent:
    essence, _, parameters = media_type.lower().replace(" ", "").partition(";")
    if essence != "application/cloudevents+json":
        raise MalformedEvent("content-type", "names an event format other than JSON, or a batch")
    if "charset=" in parameters and 'charset="utf-8"' not in parameters and "charset=utf-8" not in parameters:
        raise MalformedEvent("content-type", "names a character set other than UTF-8")
    if value is None:
        raise MalformedEvent("value", "is missing")
    return read_structured(value)
