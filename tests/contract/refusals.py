# SPDX-License-Identifier: Apache-2.0
"""Reads docs/refusals.md: the reasons of errors, what is refused at the doors, and how."""

import re
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs/refusals.md"
_reason = re.compile(r"^\| `([A-Z_]+)` \| `([A-Z_]+)` \| [^|]+ \| [^|]+ \|$", re.MULTILINE)
_sent = re.compile(r"^\| ([^|`]+) \| `([A-Z_]+)`(?:, `([A-Z_]+)`)? \| [^|]+ \|$", re.MULTILINE)
_answered = re.compile(r"^\| ([1-5][0-9]{2}) \| [^|]+ \| [^|]+ \|$", re.MULTILINE)


def reasons() -> list[tuple[str, str]]:
    """Return each reason that the page has, with its status."""
    return _reason.findall(_PAGE.read_text(encoding="utf-8"))


def refused_inputs() -> dict[str, tuple[str, str]]:
    """Return what is refused at the gRPC door: its words, its status and its reason, or ""."""
    found = _sent.findall(_PAGE.read_text(encoding="utf-8"))
    return {sent: (status, reason) for sent, status, reason in found}


def http_statuses() -> list[int]:
    """Return the statuses by which the HTTP door refuses a request."""
    return [int(each) for each in _answered.findall(_PAGE.read_text(encoding="utf-8"))]
