# SPDX-License-Identifier: Apache-2.0
"""The JSON format of CloudEvents 1.0.2: one event, or a batch of them.

``data`` is kept byte for byte as it was sent, never read and written again, so that no number in
it goes through a float (I10).
"""

import base64
import binascii
import json
import re
from typing import Any

from cairn.cloudevents.event import (
    JSON,
    LARGEST_DATA,
    STANDARD,
    CloudEvent,
    MalformedEvent,
    check_extension,
    check_name,
    make_event,
)
from cairn.cloudevents.strict_json import (
    Number,
    check_depth,
    decode_utf8,
    is_one_value,
    items,
    members,
    twice,
)
from cairn.events.wire import instant_text

# Base64 makes four bytes of three, and attributes take their share.
_LARGEST_BODY = 2 * LARGEST_DATA
_json_type = re.compile(r"[^/;]+/(?:json|[^/;]+\+json)\s*(?:;|\Z)", re.IGNORECASE)
# The JSON format, section 2.2: CloudEvents integers are 32 bits wide; there are no fractions.
_integer = re.compile(r"-?[0-9]{1,10}\Z")


def read_structured(body: bytes) -> CloudEvent:
    """Read one event; raises MalformedEvent, and nothing else, whatever the bytes are."""
    if len(body) > _LARGEST_BODY:
        raise MalformedEvent("value", f"is larger than {_LARGEST_BODY} bytes")
    return _read(decode_utf8(body))


def read_batch(body: bytes) -> list[CloudEvent | MalformedEvent]:
    """Read a batch: each item is an event or says what is wrong with it, in the order sent.

    Raises MalformedEvent when the body as a whole is no JSON array. How large a body may be is
    for the caller to bound.
    """
    return [_read_item(item) for item in items(decode_utf8(body))]


def write_structured(event: CloudEvent) -> bytes:
    """Write one event; JSON data stands in it as it is, anything else as base64."""
    attributes = {"specversion": "1.0", "id": event.id, "source": event.source, "type": event.type}
    attributes["datacontenttype"] = event.datacontenttype
    if event.time is not None:
        attributes["time"] = instant_text(event.time)
    if event.subject is not None:
        attributes["subject"] = event.subject
    if event.dataschema is not None:
        attributes["dataschema"] = event.dataschema
    for name, value in event.extensions.items():
        check_extension(name)
        attributes[name] = value
    text = json.dumps(attributes, ensure_ascii=False)
    return (text[:-1] + _data_member(event) + "}").encode()


def _data_member(event: CloudEvent) -> str:
    if event.data is None:
        return ""
    if _json_type.match(event.datacontenttype):
        # What is declared as JSON and is none still travels, exactly as it is.
        text = event.data.decode(errors="replace")
        if is_one_value(text) and text.encode() == event.data:
            return f', "data": {text}'
    return f', "data_base64": "{base64.b64encode(event.data).decode()}"'


def _read_item(text: str) -> CloudEvent | MalformedEvent:
    try:
        return _read(text)
    except MalformedEvent as error:
        return error


def _read(text: str) -> CloudEvent:
    check_depth(text)
    attributes: dict[str, str] = {}
    data: tuple[Any, str] | None = None
    encoded: Any = None
    seen = set()
    for name, value, source in members(text):
        if name in seen:
            raise twice()
        seen.add(name)
        if name == "data":
            data = (value, source)
        elif name == "data_base64":
            encoded = value
        elif value is not None:  # the JSON format, section 2.2: null says that an attribute is not set
            check_name(name)
            attributes[name] = value if type(value) is str else _attribute(name, value)
    if encoded is not None:
        if data is not None:
            raise MalformedEvent("data", "and data_base64 exclude each other")
        return make_event(attributes, _from_base64(encoded))
    return make_event(attributes, _data(data, attributes.get("datacontenttype", JSON)))


def _data(data: tuple[Any, str] | None, content_type: str) -> bytes | None:
    if data is None or data[0] is None:
        return None
    value, source = data
    if _json_type.match(content_type):
        text = source
    elif type(value) is str:
        text = value
    else:
        raise MalformedEvent("data", "is not a string, as its content type wants it")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise MalformedEvent("data", "holds half a character") from None


def _from_base64(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True) if type(value) is str else _refuse_base64()
    except (binascii.Error, ValueError):
        return _refuse_base64()


def _refuse_base64() -> bytes:
    raise MalformedEvent("data_base64", "is not base64")


def _attribute(name: str, value: Any) -> str:
    if name not in STANDARD:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, Number) and _integer.match(value) and -(2**31) <= int(value) < 2**31:
            return str(value)
    # A name is told only where it is one of the standard's own.
    raise MalformedEvent(name if name in STANDARD else "attribute", "is of a type that it cannot have")
