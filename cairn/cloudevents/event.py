# SPDX-License-Identifier: Apache-2.0
"""A CloudEvent 1.0 as a plain value, and the one error of reading one.

What every reader here promises: it returns a :class:`CloudEvent` that obeys the context attribute
rules of CloudEvents 1.0.2 section 3, or raises :class:`MalformedEvent`, whatever the bytes are.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

JSON = "application/json"

# Kafka's own default limit of one record (`max.message.bytes`), without its framing.
LARGEST_DATA = 1024 * 1024
# CloudEvents 1.0.2 section 5: an event of up to 64 KiB passes every intermediary.
_LARGEST_ATTRIBUTES = 64 * 1024
# Together they are an index key of the inbox, and PostgreSQL refuses one above 2,704 bytes.
_INDEXED = ("id", "source", "type", "subject")
_LONGEST_INDEXED = 1024

STANDARD = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema"}
)
OURS = frozenset({"asof", "traceparent", "tracestate", "partitionkey"})

_LONGEST_NAME = 20
_name = re.compile(r"[a-z0-9]{1,64}\Z")
# CloudEvents 1.0.2 section 3.1, String: no control characters, no surrogates, no noncharacters.
_forbidden = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)
_instant = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,20})?([Zz]|[+-][0-9]{2}:[0-9]{2})\Z"
)


class MalformedEvent(ValueError):
    """A record is no CloudEvent; ``field`` and ``reason`` say why and never quote what was sent."""

    def __init__(self, field: str, reason: str) -> None:
        """Name the attribute, or the part of the record, that is wrong."""
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


class CloudEvent(NamedTuple):
    """One event; ``data`` is its bytes as ``datacontenttype`` says, or nothing at all.

    A named tuple, because every record read and written is one.
    """

    id: str
    source: str
    type: str
    data: bytes | None
    time: datetime | None = None
    subject: str | None = None
    datacontenttype: str = JSON
    dataschema: str | None = None
    extensions: Mapping[str, str] = MappingProxyType({})


def make_event(attributes: dict[str, str], data: bytes | None) -> CloudEvent:
    """Make an event of its attributes as text, taking them out of the mapping; the rest are extensions.

    The names are checked already; an empty text says that an optional attribute is not set. Raises
    MalformedEvent for an attribute that is missing, too long or not what it must be.
    """
    _check(attributes)
    _check_version(attributes)
    if data is not None and len(data) > LARGEST_DATA:
        raise MalformedEvent("data", f"is larger than {LARGEST_DATA} bytes")
    take = attributes.pop
    time = take("time", None)
    return CloudEvent(
        id=_required(attributes, "id"),
        source=_required(attributes, "source"),
        type=_required(attributes, "type"),
        data=data,
        time=None if time is None else read_instant("time", time),
        subject=take("subject", None) or None,
        datacontenttype=take("datacontenttype", JSON) or JSON,
        dataschema=take("dataschema", None) or None,
        extensions=attributes,
    )


# What one batch of a service concludes bears one instant.
@lru_cache(maxsize=1024)
def read_instant(field: str, text: str) -> datetime:
    """Read an RFC 3339 instant and return it in UTC; one without its zone is no instant."""
    if not _instant.match(text):
        raise MalformedEvent(field, "is not an RFC 3339 time with its zone")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise MalformedEvent(field, "is not a time of the calendar") from None


def check_name(name: str) -> None:
    """Refuse an attribute name that is not lower-case letters and digits (CloudEvents 1.0.2 section 3.1)."""
    if not _name.match(name) or name == "data":
        # The name is not quoted: it was written by whoever wrote the values.
        raise MalformedEvent("attribute", "has a name that is not 1 to 64 lower-case letters and digits")


def check_extension(name: str) -> None:
    """Refuse to write an extension under a name that the standard advises against or has taken."""
    check_name(name)
    if len(name) > _LONGEST_NAME or name in STANDARD:
        raise MalformedEvent(
            "attribute", "has a name longer than 20 characters, or one of the standard's own"
        )


def _check(attributes: Mapping[str, str]) -> None:
    together = "".join(attributes.values())
    if len(together) > _LARGEST_ATTRIBUTES:
        raise MalformedEvent("attributes", f"are larger than {_LARGEST_ATTRIBUTES} characters together")
    if not together.isprintable() and _forbidden.search(together):
        guilty = next(name for name, text in attributes.items() if _forbidden.search(text))
        raise MalformedEvent(guilty, "holds a character that CloudEvents forbids")
    if len(together) * 4 > _LONGEST_INDEXED:
        for name in _INDEXED:
            if len(attributes.get(name, "").encode()) > _LONGEST_INDEXED:
                raise MalformedEvent(name, f"is longer than {_LONGEST_INDEXED} bytes")


def _check_version(attributes: dict[str, str]) -> None:
    version = attributes.pop("specversion", None)
    if version is None:
        raise MalformedEvent("specversion", "is missing")
    if version != "1.0":
        raise MalformedEvent("specversion", "is not 1.0")


def _required(attributes: dict[str, str], name: str) -> str:
    text = attributes.pop(name, "")
    if not text:
        raise MalformedEvent(name, "is missing")
    return text
