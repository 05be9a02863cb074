# SPDX-License-Identifier: Apache-2.0
"""Page tokens: opaque, signed, and good only for the list that they were given for (AIP-158)."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from chassis.rpc.refusal import Refusal, Violation

_PLACE = 8
_SIGNATURE = 16


class PageTokens:
    """Makes and reads tokens under one secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, listed: str, position: int) -> str:
        """Return the token that goes on behind a position of what is listed."""
        return self.seal(listed, position.to_bytes(_PLACE, "big"))

    def read(self, listed: str, token: str) -> int:
        """Return the position to go on behind; refuse a token made up, or made for another list."""
        return int.from_bytes(self.unseal(listed, token), "big")

    def seal(self, listed: str, place: bytes) -> str:
        """Return the token that goes on behind a place, however written, of what is listed."""
        return urlsafe_b64encode(place + self._sign(listed, place)).decode()

    def unseal(self, listed: str, token: str) -> bytes:
        """Return the place to go on behind; refuse a token made up, or made for another list."""
        try:
            raw = urlsafe_b64decode(token.encode("ascii"))
        except ValueError:
            raise _refused() from None
        place, signature = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
        if not hmac.compare_digest(signature, self._sign(listed, place)):
            raise _refused()
        return place

    def _sign(self, listed: str, place: bytes) -> bytes:
        return hmac.digest(self._secret, place + listed.encode(), sha256)[:_SIGNATURE]


def _refused() -> Refusal:
    wanted = Violation("page_token", "must be the next_page_token of the page before, with the same parent")
    return Refusal("INVALID_PAGE_TOKEN", "the page token was not given for this list", [wanted])
