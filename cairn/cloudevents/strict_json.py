# SPDX-License-Identifier: Apache-2.0
"""JSON that means one thing to every reader, and where in the text each part of it stands.

Refused are duplicate names, NaN and the infinities, and nesting beyond what any reader takes. A
number is never read, only found, so that none goes through a float (I10).
"""

import re
from collections.abc import Iterator
from json import JSONDecoder
from typing import Any

from cairn.cloudevents.event import MalformedEvent

_DEEPEST = 100

# A string that never ends matches up to the end of the text: so the search stays linear.
_token = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{},]', re.DOTALL)
_brackets = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
# Most members, in one step; `data` is none of them, because it is kept as it was written.
_plain_member = re.compile(r'"(?!data")([a-z0-9]{1,64})"[ \t\n\r]*:[ \t\n\r]*"([^"\\\x00-\x1f]*+)"[ \t\n\r]*')
_space = re.compile(r"[ \t\n\r]*")


class Number(str):
    """A number as it was written."""

    __slots__ = ()


def _refuse_constant(_: str) -> Any:
    raise MalformedEvent("value", "holds NaN or an infinity, which JSON has not")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise twice()
    return members


_strict = JSONDecoder(
    parse_int=Number, parse_float=Number, parse_constant=_refuse_constant, object_pairs_hook=_unique
)
_lenient = JSONDecoder(parse_int=str, parse_float=str)


def decode_utf8(body: bytes) -> str:
    """Return the text, which JSON wants in UTF-8 (RFC 8259 section 8.1)."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise MalformedEvent("value", "is not UTF-8") from None


def is_one_value(text: str) -> bool:
    """Tell whether the text is one JSON value other than null."""
    try:
        check_depth(text)
        value, end = _decode(text, _skip(text, 0))
    except MalformedEvent:
        return False
    return value is not None and _skip(text, end) == len(text)


def members(text: str) -> Iterator[tuple[str, Any, str]]:
    """Yield name, value and value as it was written of each member of the one object that is the text."""
    at = _expect(text, 0, "{")
    if text[at : at + 1] == "}":
        return _end(text, at + 1)
    while True:
        if plain := _plain_member.match(text, at):
            yield plain[1], plain[2], ""
            at = plain.end()
        else:
            name, after = _decode(text, at)
            if type(name) is not str:
                raise _not_json()
            start = _expect(text, after, ":")
            value, end = _decode(text, start)
            yield name, value, text[start:end]
            at = _skip(text, end)
        if text[at : at + 1] == "}":
            return _end(text, at + 1)
        at = _expect(text, at, ",")


def check_depth(text: str) -> None:
    """Refuse deep nesting, before a parser that recurses sees it."""
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


def items(text: str) -> list[str]:
    """Return the text of each item of the array that the text is; a bad item spoils no other."""
    at = _expect(text, 0, "[")
    if text[at : at + 1] == "]":
        _end(text, at + 1)
        return []
    try:
        return _read_items(text, at)
    except (ValueError, RecursionError):
        return _split_items(text, at)


def _read_items(text: str, at: int) -> list[str]:
    found: list[str] = []
    while True:
        _, end = _lenient.raw_decode(text, at)
        found.append(text[at:end])
        at = _skip(text, end)
        if text[at : at + 1] == "]":
            _end(text, at + 1)
            return found
        at = _expect(text, at, ",")


def _split_items(text: str, start: int) -> list[str]:
    """Split at the commas without reading the items, ten times slower, so that a bad one spoils no other."""
    found: list[str] = []
    depth = 1
    for token in _token.finditer(text, start):
        sign = token[0]
        if sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        if depth == 0 or (depth == 1 and sign == ","):
            found.append(text[start : token.start()])
            start = token.end()
        if depth == 0:
            _end(text, start)
            return found
    raise _not_json()


def _decode(text: str, at: int) -> tuple[Any, int]:
    try:
        value, end = _strict.raw_decode(text, at)
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
    return MalformedEvent("value", "is not the JSON that it must be")


def twice() -> MalformedEvent:
    """Return the error of an object with a name twice."""
    return MalformedEvent("value", "names a member of one object twice")
