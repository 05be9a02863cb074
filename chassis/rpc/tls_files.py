# SPDX-License-Identifier: Apache-2.0
"""What the files of mutual TLS must hold; each is refused by the setting that names it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate, ExtendedKeyUsage, ExtensionNotFound
from cryptography.x509.oid import ExtendedKeyUsageOID

from chassis.errors import Reject
from chassis.rpc.authorities import UNREADABLE, Authorities, read_certificates

CERTIFICATE, KEY, TRUST = "TLS_CERTIFICATE_FILE", "TLS_KEY_FILE", "TLS_TRUST_FILE"
# What TLS here is sure to take: gRPC would go on with the certificate before, and say nothing.
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_SMALLEST_RSA = 2048
_KEYS = "of RSA with at least 2048 bits, or of the curve P-256, P-384 or P-521"


@dataclass(frozen=True, slots=True)
class Own:
    """The server's certificate with its chain, and its key, in PEM; ``until`` is when the first ends."""

    certificate: bytes
    key: bytes = field(repr=False)
    until: datetime


def read_own(contents: Mapping[str, bytes]) -> Own:
    """Read what the server shows; raise Reject where it is not valid now, or does not belong together."""
    with _at(CERTIFICATE):
        chain = read_certificates(contents[CERTIFICATE])
        for each in chain:
            _check_times(each)
        _check_use(chain[0])
        _check_kind(chain[0])
    with _at(KEY):
        _check_key(contents[KEY], chain[0])
    return Own(contents[CERTIFICATE], contents[KEY], min(each.not_valid_after_utc for each in chain))


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


def _check_use(own: Certificate) -> None:
    try:
        uses = own.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound:
        return
    except UNREADABLE:
        raise Reject("must hold a certificate whose extensions can be read") from None
    if ExtendedKeyUsageOID.SERVER_AUTH not in uses:
        raise Reject("must hold a certificate for servers (extendedKeyUsage with serverAuth)")


def _check_kind(own: Certificate) -> None:
    try:
        key = own.public_key()
    except UNREADABLE:
        key = None
    match key:
        case rsa.RSAPublicKey() if key.key_size >= _SMALLEST_RSA:
            return
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, _CURVES):
            return
        case _:
            raise Reject(f"must hold a certificate with a key {_KEYS}")


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
