# SPDX-License-Identifier: Apache-2.0
"""The files of mutual TLS: read together, and refused by the setting of the one that will not do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate

from chassis.errors import Reject
from chassis.rpc.authorities import Authorities, read_certificates

CERTIFICATE, KEY, TRUST = "TLS_CERTIFICATE_FILE", "TLS_KEY_FILE", "TLS_TRUST_FILE"
Seen = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where the server's certificate with its chain, its key, and its operators' authorities are, in PEM."""

    certificate: Path
    key: Path
    trust: Path


@dataclass(frozen=True, slots=True)
class TlsTexts:
    """What the files held at one time, found to belong together; ``until`` is when the certificate ends."""

    certificate: bytes
    key: bytes
    until: datetime
    authorities: Authorities


def seen(files: TlsFiles) -> Seen:
    """Return what changes when a file does, also one behind a link that is set anew."""
    return tuple(_stat(path) for _, path in _settings(files))


def read(files: TlsFiles) -> TlsTexts:
    """Read the files; raise Reject naming the setting of the one that will not do now."""
    certificate, key, trust = (_bytes(setting, path) for setting, path in _settings(files))
    with _at(CERTIFICATE):
        own = read_certificates(certificate)[0]
        _check_times(own)
    with _at(KEY):
        _check_key(key, own)
    with _at(TRUST):
        authorities = Authorities(trust)
    return TlsTexts(certificate, key, own.not_valid_after_utc, authorities)


def _settings(files: TlsFiles) -> tuple[tuple[str, Path], ...]:
    return (CERTIFICATE, files.certificate), (KEY, files.key), (TRUST, files.trust)


def _check_times(own: Certificate) -> None:
    now = datetime.now(UTC)
    if now > own.not_valid_after_utc:
        raise Reject(f"must be a certificate that is valid; this one ended at {own.not_valid_after_utc}")
    if now < own.not_valid_before_utc:
        raise Reject(f"must be a certificate that is valid; this one begins at {own.not_valid_before_utc}")


def _check_key(pem: bytes, own: Certificate) -> None:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Not from the error: nothing of a key may travel along.
        raise Reject("must hold a private key in PEM, without a passphrase") from None
    if key.public_key() != own.public_key():
        raise Reject(f"must hold the key of the certificate that {CERTIFICATE} names")


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _bytes(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Reject(f"must name a file that this process can read: {error.strerror}", setting) from None


@contextmanager
def _at(setting: str) -> Iterator[None]:
    """Name the setting in what is found wrong."""
    try:
        yield
    except Reject as error:
        raise Reject(error.reason, setting) from None
