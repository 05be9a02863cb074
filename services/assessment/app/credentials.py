# SPDX-License-Identifier: Apache-2.0
"""By what a platform shows at the HTTP door who it is: bearer tokens, of which only digests are kept.

A source may have several that hold, so that one is taken over from another without a gap.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Self

from services.assessment.app.sources import Source

# Enough for a rotation, and few enough that a forgotten one is seen.
MOST_HELD = 10
_SECRET_BYTES = 32
_ID_BYTES = 6
_token = re.compile(r"cairn\.([0-9a-f]{12})\.[A-Za-z0-9_-]{43}")
_bearer = re.compile(r"bearer +([^ ]+) *", re.IGNORECASE)
_NOBODYS = bytes(32)


@dataclass(frozen=True, slots=True)
class Issued:
    """A new credential; its ``secret`` is what the platform sends, and is told once."""

    credential: str
    secret: str = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """Make one up, with 256 random bits behind an id by which it is found."""
        credential = secrets.token_hex(_ID_BYTES)
        return cls(credential, f"cairn.{credential}.{secrets.token_urlsafe(_SECRET_BYTES)}")

    @property
    def digest(self) -> bytes:
        """What is kept of it."""
        return _digest(self.secret)


@dataclass(frozen=True, slots=True)
class Held:
    """A credential that holds, by the source of an institution that it is of."""

    tenant: str
    source: str
    credential: str
    digest: bytes = field(repr=False)


class Credentials:
    """All credentials that hold at present, which stays as it is."""

    def __init__(self, held: Iterable[Held] = ()) -> None:
        self._digests = {(each.tenant, each.source, each.credential): each.digest for each in held}

    def vouch(self, source: Source, authorization: str) -> bool:
        """Tell whether an Authorization header (RFC 6750, 2.1) holds a credential of a source."""
        sent = _bearer.fullmatch(authorization)
        known = _token.fullmatch(sent[1]) if sent else None
        if known is None:
            return False
        digest = self._digests.get((source.tenant, source.name, known[1]), _NOBODYS)
        return compare_digest(digest, _digest(known[0]))


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
