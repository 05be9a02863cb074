# SPDX-License-Identifier: Apache-2.0
"""Certificate authorities that are believed, and whom a certificate of theirs names (RFC 5280).

TLS itself lets in whom any authority of a server vouches for. Whom a caller speaks for is asked here,
of one bundle alone: an authority that is believed about one institution cannot make a certificate that
speaks for another, or for an operator.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cachetools import LRUCache
from cryptography.x509 import Certificate, UniformResourceIdentifier, load_pem_x509_certificates
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from chassis.errors import Reject

_MOST_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class _Vouched:
    """What was found of a certificate: whom it names, and between which instants that holds."""

    identities: frozenset[str]
    since: datetime
    until: datetime


class Authorities:
    """A trust bundle: one or more certificates of authorities, which stays as it is."""

    def __init__(self, pem: bytes) -> None:
        """Read a bundle; raise Reject where there is no certificate in it."""
        self._certificates = read_certificates(pem)
        self.pem = pem
        self._store = Store(self._certificates)
        self._found: LRUCache[bytes, _Vouched] = LRUCache(_MOST_REMEMBERED)

    def identities(self, chain: bytes, at: datetime) -> frozenset[str]:
        """Return the URIs that a client's certificate names; none where nobody here vouches for it now.

        ``chain`` is what the client has shown, in PEM, its own certificate first.
        """
        found = self._found.get(chain)
        if found is None or not found.since <= at <= found.until:
            found = self._found[chain] = self._ask(read_certificates(chain), at)
        return found.identities

    def _ask(self, chain: Sequence[Certificate], at: datetime) -> _Vouched:
        verifier = PolicyBuilder().store(self._store).time(at).build_client_verifier()
        try:
            verified = verifier.verify(chain[0], list(chain[1:]))
        except VerificationError:
            return _Vouched(frozenset(), at, at)
        named = verified.subjects or []
        return _Vouched(
            frozenset(each.value for each in named if isinstance(each, UniformResourceIdentifier)),
            max(each.not_valid_before_utc for each in verified.chain),
            min(each.not_valid_after_utc for each in verified.chain),
        )


def read_certificates(pem: bytes) -> list[Certificate]:
    """Read one or more certificates; raise Reject where there is none, or one that cannot be read."""
    try:
        return load_pem_x509_certificates(pem)
    except ValueError:
        # Not from the error: it may show bytes of what should have been a certificate.
        raise Reject("must hold one or more certificates in PEM") from None
