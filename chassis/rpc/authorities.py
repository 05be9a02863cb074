# SPDX-License-Identifier: Apache-2.0
"""Certificate authorities that are believed, and whom a certificate of theirs names (RFC 5280).

TLS itself lets in whom any authority of a server vouches for. Whom a caller speaks for is asked here,
of one bundle alone: an authority that is believed about one institution cannot make a certificate that
speaks for another, or for an operator.
"""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from cachetools import LRUCache
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, UniformResourceIdentifier
from cryptography.x509.verification import Store, VerificationError

from chassis.errors import Reject
from chassis.rpc.certificates import KEYS, POLICY, UNREADABLE, may_issue, read_certificates
from chassis.rpc.roots import rivals

_MOST_REMEMBERED = 1024
# So that whoever is refused does not have us look again at every call.
_NOBODY_FOR = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom a certificate names, between which instants that holds, and why nobody where it is nobody."""

    identities: frozenset[str]
    since: datetime
    until: datetime
    reason: str = ""


class Authorities:
    """A trust bundle: one or more certificates of authorities, which stays as it is.

    TLS can load them all: it stops at the first that it cannot read, and would know none behind it.
    """

    def __init__(self, pem: bytes) -> None:
        """Read a bundle; raise Reject where it does not hold certificates of authorities alone."""
        self.certificates = tuple(read_certificates(pem))
        if not all(may_issue(each) for each in self.certificates):
            raise Reject(f"must hold certificates of authorities (CA in basicConstraints), with keys {KEYS}")
        _check_loaded(self.certificates)
        if rivals(self.certificates):
            reason = "must not hold two authorities of one name with different keys, unless each has a"
            raise Reject(f"{reason} subjectKeyIdentifier of its own")
        self._store = Store(list(self.certificates))
        self._found: LRUCache[bytes, Vouched] = LRUCache(_MOST_REMEMBERED)

    def vouched(self, chain: bytes, at: datetime) -> Vouched:
        """Return whom a client's certificate names, by URIs, or why nobody here vouches for it now.

        ``chain`` is what the client has shown, in PEM, its own certificate first.
        """
        key = sha256(chain).digest()
        found = self._found.get(key)
        if found is None or not found.since <= at <= found.until:
            found = self._found[key] = self._ask(chain, at)
        return found

    def _ask(self, chain: bytes, at: datetime) -> Vouched:
        try:
            shown = read_certificates(chain)
            verifier = POLICY.store(self._store).time(at).build_client_verifier()
            verified = verifier.verify(shown[0], shown[1:])
        except (Reject, VerificationError, *UNREADABLE) as error:
            return Vouched(frozenset(), at, at + _NOBODY_FOR, str(error))
        named = verified.subjects or []
        return Vouched(
            frozenset(each.value for each in named if isinstance(each, UniformResourceIdentifier)),
            max(each.not_valid_before_utc for each in verified.chain),
            min(each.not_valid_after_utc for each in verified.chain),
        )


def _check_loaded(certificates: Iterable[Certificate]) -> None:
    """Raise Reject where TLS would not take an authority that could be read here."""
    try:
        names = [(each.subject.rdns, each.issuer.rdns) for each in certificates]
        loaded = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        loaded.load_verify_locations(
            cadata=b"".join(each.public_bytes(Encoding.DER) for each in certificates)
        )
    except (*UNREADABLE, ssl.SSLError):
        raise Reject(
            "must hold certificates that TLS can load, with names in the encoding they claim"
        ) from None
    if not all(subject for subject, _ in names):
        raise Reject("must hold authorities that have a name (subject)")
