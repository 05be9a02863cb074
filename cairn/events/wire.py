# SPDX-License-Identifier: Apache-2.0
"""How every event model is declared, and the field types that they share."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, StringConstraints

FROM_WIRE = ConfigDict(extra="ignore", ser_json_timedelta="iso8601", arbitrary_types_allowed=True)
"""Readers ignore unknown fields, so that a minor version may add one."""


# Whatever one batch of intake takes in bears one instant, and each of its events writes it several times.
@lru_cache(maxsize=4096)
def instant_text(value: datetime) -> str:
    """Write an instant in UTC with microseconds: equal instants are equal text."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        message = "the instant lies outside the calendar in UTC"
        raise ValueError(message) from None


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A point in time with its zone; kept and written in UTC."""

LONGEST_URI = 2048


def _bounded(value: str) -> str:
    # An index of PostgreSQL takes keys of up to 2,704 bytes, and a URI is part of some.
    if not value.isascii() and len(value.encode()) > LONGEST_URI:
        message = f"a URI takes at most {LONGEST_URI} bytes in UTF-8"
        raise ValueError(message)
    return value


Uri = Annotated[
    str,
    StringConstraints(min_length=3, max_length=LONGEST_URI, pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$"),
    AfterValidator(_bounded),
]
"""An absolute URI: a scheme, a colon and no white space (RFC 3986 section 4.3)."""

EventId = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A CloudEvents id: any non-empty text without control characters (CloudEvents 1.0.2 section 3.1)."""

SLUG = r"[a-z0-9]([a-z0-9._-]{0,126}[a-z0-9])?"
Slug = Annotated[str, StringConstraints(pattern=f"^{SLUG}$")]
"""A stable id that an author gives to a policy, a rule, a requirement or a credential."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

Revision = Annotated[int, Field(ge=1, lt=2**31)]
