# SPDX-License-Identifier: Apache-2.0
"""What the files of mutual TLS must hold; each is refused by the setting that names it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate, ExtendedKeyUsage, KeyUsage
from cryptography.x509.oid import ExtendedKeyUsageOID

from chassis.errors import Reject
from chassis.rpc.authorities import Authorities
from chassis.rpc.certificates import KEYS, UNREADABLE, has_usable_key, read_certificates

CERTIFICATE, KEY, TRUST = "TLS_CERTIFICATE_FILE", "TLS_KEY_FILE", "TLS_TRUST_FILE"


@dataclass(frozen=True, slots=True)
class Own:
    """The server's certificate with its chain, and its key, in PEM; ``until`` is when it ends."""

    certificate: bytes
    key: bytes = field(repr=False)
    since: datetime
    until: datetime


def read_own(contents: Mapping[str, bytes]) -> Own:
    """Read what the server shows; raise Reject where it is not valid now, or does not belong together."""
    with _at(CERTIFICATE):
        chain = read_certificates(contents[CERTIFICATE])
        # What gRPC would not take it does not tell: it goes on with the certificate before.
        _check_times(chain[0])
        _check_uses(chain[0])
        if not has_usable_key(chain[0]):
            raise Reject(f"must hold a certificate with a key {KEYS}")
    with _at(KEY):
        _check_key(contents[KEY], chain[0])
    return Own(
        contents[CERTIFICATE], contents[KEY], chain[0].not_valid_before_utc, chain[0].not_valid_after_utc
    )


def read_trust(contents: Mapping[str, bytes]) -> Authorities:
    """Read the authorities of the operators; raises Reject."""
    with _at(TRUST):
        return Authorities(contents[TRUST])


def _check_times(each: Certificate) -> None:
    now = datetime.now(UTC)
    if now > each.not_valid_after_utc:
        raise Reject(f"must hold certificates that are valid; one ended at {each.not_valid_after_utc}")
    if now < each.not_valid_before_utc:
        raise Reject(f"must hold certificates that are valid; one begins at {each.not_valid_before_utc}")


def _check_uses(own: Certificate) -> None:
    try:
        found = {each.oid: each.value for each in own.extensions}
    except UNREADABLE:
        raise Reject("must hold a certificate whose extensions can be read") from None
    uses, usage = found.get(ExtendedKeyUsage.oid), found.get(KeyUsage.oid)
    if isinstance(uses, ExtendedKeyUsage) and ExtendedKeyUsageOID.SERVER_AUTH not in uses:
        raise Reject("must hold a certificate for servers (extendedKeyUsage with serverAuth)")
    if isinstance(usage, KeyUsage) and not usage.digital_signature:
        raise Reject("must hold a certificate that may sign (keyUsage with digitalSignature)")


def _check_key(pem: bytes, own: Certificate) -> None:
    try:
        key = load_pem_private_key(pem, None)
    except (TypeError, *UNREADABLE):
        # Not from the error: nothing of a key may travel along.
        raise Reject("must hold a private key in PEM, without a passphrase") from None
    if key.public_key() != own.public_key():
        raise Reject(f"must hold the key of the certificate that {CERTIFICATE} names")


@contextmanager
def _at(setting: str) -> Iterator[None]:
    """Name the setting in what is found wrong."""
    try:
        yield
    except Reject as error:
        raise Reject(error.reason, setting) from None
