# SPDX-License-Identifier: Apache-2.0
"""Page tokens of lists that go on behind a place: unreadable to the eye, checked, and not secret."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from chassis.rpc.refusal import Refusal, Violation


def write_place(place: str) -> str:
    """Return the token that goes on behind a place."""
    return urlsafe_b64encode(place.encode()).decode()


def read_place(token: str, pattern: re.Pattern[str]) -> re.Match[str]:
    """Return the place that a token holds; raise the refusal of a token that holds none."""
    try:
        found = pattern.fullmatch(urlsafe_b64decode(token.encode("ascii")).decode())
    except ValueError:
        found = None
    if found is None:
        raise not_given()
    return found


def not_given() -> Refusal:
    """Return the refusal of a token that no page of this list gave."""
    wanted = Violation("page_token", "must be the next_page_token of the page before")
    return Refusal("INVALID_PAGE_TOKEN", "the page token was not given for this list", [wanted])
