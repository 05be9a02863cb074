# SPDX-License-Identifier: Apache-2.0
"""The JSON format of CloudEvents 1.0.2: one event, or a batch of them.

``data`` is kept byte for byte as it was sent, never read and written again, so that no number in
it goes through a float (I10). Text that means different things to different readers is refused:
duplicate names, NaN and the infinities, and nesting beyond what any reader takes.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from json import JSONDecoder
from typing import Any

from cairn.cloudevents.event import (
    JSON,
    LARGEST_DATA,
    STANDARD,
    CloudEvent,
    MalformedEvent,
    make_event,
)
from cairn.events.wire import instant_text

# Base64 makes four bytes of three, and attributes take their share.
_LARGEST_BODY = 2 * LARGEST_DATA
_DEEPEST = 100

# A string that never ends matches up to the end of the text: so the search stays linear.
_token = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{},]', re.DOTALL)
_brackets = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_space = re.compile(r"[ \t\n\r]*")
_json_type = re.compile(r"[^/;]+/(?:json|[^/;]+\+json)\s*(?:;|\Z)", re.IGNORECASE)
# The JSON format, section 2.2: CloudEvents integers are 32 bits wide; there are no fractions.
_integer = re.compile(r"-?[0-9]{1,10}\Z")


class _Number(str):
    __slots__ = ()


def _refuse_constant(_: str) -> Any:
    raise MalformedEvent("value", "holds NaN or an infinity, which JSON has not")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedEvent("value", "names a member of one object twice")
    return members


_decoder = JSONDecoder(
    parse_int=_Number, parse_float=_Number, parse_constant=_refuse_constant, object_pairs_hook=_unique
)


def read_structured(body: bytes) -> CloudEvent:
    """Read one event; raises MalformedEvent, and nothing else, whatever the bytes are."""
    return _read(_text(body, _LARGEST_BODY))


def read_batch(body: bytes) -> list[CloudEvent | MalformedEvent]:
    """Read a batch: each item is an event or says what is wrong with it, in the order sent.

    Raises MalformedEvent when the body as a whole is no JSON array. How large a body may be is
    for the caller to bound.
    """
    return [_read_item(item) for item in _items(_text(body, None))]


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
    text = json.dumps(attributes | dict(event.extensions), ensure_ascii=False)
    return (text[:-1] + _data_member(event) + "}").encode()


def _data_member(event: CloudEvent) -> str:
    if event.data is None:
        return ""
    if _json_type.match(event.datacontenttype):
        try:
            return ', "data": ' + _checked_json(event.data)
        except MalformedEvent:
            pass  # what is declared as JSON and is none still travels, exactly as it is
    return f', "data_base64": "{base64.b64encode(event.data).decode()}"'


def _checked_json(data: bytes) -> str:
    text = _text(data, None)
    _check_depth(text)
    start = _skip(text, 0)
    value, end = _decode(text, start)
    if value is None or _skip(text, end) != len(text):
        raise MalformedEvent("data", "is not one JSON value")
    return text


def _text(body: bytes, largest: int | None) -> str:
    if largest is not None and len(body) > largest:
        raise MalformedEvent("value", f"is larger than {largest} bytes")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise MalformedEvent("value", "is not UTF-8") from None


def _read_item(text: str) -> CloudEvent | MalformedEvent:
    try:
        return _read(text)
    except MalformedEvent as error:
        return error


def _read(text: str) -> CloudEvent:
    _check_depth(text)
    attributes: dict[str, str] = {}
    data: tuple[Any, str] | None = None
    encoded: Any = None
    for name, value, source in _members(text):
        if name == "data":
            data = (value, source)
        elif name == "data_base64":
            encoded = value
        elif value is not None:  # the JSON format, section 2.2: null says that an attribute is not set
            attributes[name] = _attribute(name, value)
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
    if type(value) is str:
        return value
    if name not in STANDARD:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, _Number) and _integer.match(value):
            return str(value)
    # A name is told only where it is one of the standard's own.
    raise MalformedEvent(name if name in STANDARD else "attribute", "is of a type that it cannot have")


def _members(text: str) -> Iterator[tuple[str, Any, str]]:
    """Yield name, value and value as it was written of each member of the one object that is the text."""
    at = _expect(text, 0, "{")
    seen: set[str] = set()
    if text[at : at + 1] == "}":
        return _end(text, at + 1)
    while True:
        name, after = _name(text, at)
        if name in seen:
            raise MalformedEvent("value", "names a member of one object twice")
        seen.add(name)
        start = _expect(text, after, ":")
        value, end = _decode(text, start)
        yield name, value, text[start:end]
        at = _skip(text, end)
        if text[at : at + 1] == "}":
            return _end(text, at + 1)
        at = _expect(text, at, ",")


def _name(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] != '"':
        raise _not_json()
    return _decode(text, at)


def _decode(text: str, at: int) -> tuple[Any, int]:
    try:
        value, end = _decoder.raw_decode(text, at)
    except MalformedEvent:
        raise
    except (ValueError, RecursionError):
        raise _not_json() from None
    return value, end


def _expect(text: str, at: int, sign: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != sign:
        raise _not_json()
    return _skip(text, at + 1)


def _end(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise _not_json()


def _skip(text: str, at: int) -> int:
    found = _space.match(text, at)
    return found.end() if found else at


def _not_json() -> MalformedEvent:
    return MalformedEvent("value", "is not a JSON object")


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= _DEEPEST:
        return
    depth = 0
    for found in _brackets.finditer(text):
        sign = found[0]
        if sign in "[{":
            depth += 1
            if depth > _DEEPEST:
                raise MalformedEvent("value", f"is nested more than {_DEEPEST} deep")
        elif sign in "]}":
            depth -= 1


def _items(text: str) -> list[str]:
    """Split an array at its commas without reading the items, so that a bad one spoils no other."""
    start = _expect(text, 0, "[")
    items: list[str] = []
    depth = 1
    for found in _token.finditer(text, start):
        sign = found[0]
        if sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        if depth == 0 or (depth == 1 and sign == ","):
            items.append(text[start : found.start()])
            start = found.end()
        if depth == 0:
            break
    if depth or _skip(text, start) != len(text) or text[start - 1] != "]":
        raise MalformedEvent("value", "is not a JSON array")
    return [] if len(items) == 1 and not items[0].strip() else items
