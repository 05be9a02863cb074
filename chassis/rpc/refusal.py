# SPDX-License-Identifier: Apache-2.0
"""Why a call is refused, in the words of ``cairn.errors.v1``; use cases raise it and know no gRPC."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from chassis.errors import Reject, Retry

ErrorReason = Literal[
    "INVALID_FIELD",
    "INVALID_PAGE_TOKEN",
    "NOT_FOUND",
    "PERMISSION_DENIED",
    "VERSION_IMMUTABLE",
    "REQUEST_ID_REUSED",
    "UNIMPLEMENTED",
]


@dataclass(frozen=True, slots=True)
class Violation:
    """One place that cannot be accepted, and what would be right there; never what was sent."""

    field: str
    description: str


class Refusal(Reject):
    """A call that is never to be repeated unchanged."""

    def __init__(self, error_reason: ErrorReason, reason: str, violations: Iterable[Violation] = ()) -> None:
        self.violations = tuple(violations)
        super().__init__(reason, self.violations[0].field if self.violations else "")
        self.error_reason = error_reason


class LimitReached(Retry):
    """A call beyond what is kept open at once; after ``seconds`` there may be room."""

    def __init__(self, reason: str, seconds: int) -> None:
        super().__init__(reason)
        self.seconds = seconds


def invalid(*violations: Violation) -> Refusal:
    """Return the refusal of fields; each violation says what would be right."""
    return Refusal("INVALID_FIELD", "the request has fields that cannot be accepted", violations)
