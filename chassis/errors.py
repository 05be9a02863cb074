# SPDX-License-Identifier: Apache-2.0
"""The errors of Cairn, one leaf for each thing that a caller can do about them.

    CairnError
    ├── Reject      never try again: dead letter, or INVALID_ARGUMENT
    ├── Retry       an outside cause: pause and try again, or UNAVAILABLE
    ├── Conflict    load again and redo: ABORTED
    └── Bug         our own mistake: dead letter with the trace, or end the process; INTERNAL

The stream layer maps the leaves to outcomes in one place, the gRPC edge to status codes in one
place (design section 9). The text of an error never holds learner data or a secret.
"""


class CairnError(Exception):
    """What Cairn raises on purpose; ``reason`` is one sentence without learner data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Reject(CairnError):
    """The input can never be accepted; ``field`` names the part of it at fault, if one is."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.field = field

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class Retry(CairnError):
    """Something outside is not there at present; the same attempt may succeed later."""


class Conflict(CairnError):
    """What was read has moved since; load it again and redo."""


class Bug(CairnError):
    """Something that cannot be, has been; nobody but a developer can act on it."""
