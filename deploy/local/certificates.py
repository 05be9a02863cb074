# SPDX-License-Identifier: Apache-2.0
"""Certificates of an installation here: of its servers, of its operator, and of the services as callers.

They hold for a month, and are made anew a week before their end.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.local.running import write_whole

OPERATOR = "spiffe://cairn.local/operator"
_SERVICE = "spiffe://cairn.local/service"
_LIFE, _LEFT = timedelta(days=30), timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Certificates:
    """One file for each certificate and key in a folder that only this user enters."""

    folder: Path

    @property
    def servers(self) -> Path:
        """The authority of all servers."""
        return self.folder / "servers.crt"

    @property
    def callers(self) -> Path:
        """The authority of operators and of the services as callers."""
        return self.folder / "callers.crt"

    def certificate(self, name: str) -> Path:
        """Return the certificate of a name: ``server``, ``service`` or ``operator``."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Return the key of that certificate."""
        return self.folder / f"{name}.key"

    def pair(self, name: str) -> Path:
        """Return both in one file, the key first, as Kafka wants them."""
        return self.folder / f"{name}.pem"

    def make(self) -> bool:
        """Make all of them unless they hold for a while yet; tell whether they were made."""
        if self._hold():
            return False
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        here = [x509.IPAddress(IPv4Address("127.0.0.1")), x509.DNSName("localhost")]
        servers, callers = _Authority("Cairn's servers here"), _Authority("Cairn's callers here")
        self._write("server", servers, here, ExtendedKeyUsageOID.SERVER_AUTH)
        for name, uri in (("service", _SERVICE), ("operator", OPERATOR)):
            named: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)]
            self._write(name, callers, named, ExtendedKeyUsageOID.CLIENT_AUTH)
        write_whole(self.servers, servers.pem)
        write_whole(self.callers, callers.pem)  # the last: without it nothing of this holds
        return True

    def _hold(self) -> bool:
        if not self.callers.exists():
            return False
        certificate = x509.load_pem_x509_certificate(self.callers.read_bytes())
        return certificate.not_valid_after_utc - datetime.now(UTC) > _LEFT

    def _write(
        self, name: str, authority: "_Authority", names: list[x509.GeneralName], use: x509.ObjectIdentifier
    ) -> None:
        certificate, key = authority.issue(name, names, use)
        write_whole(self.key(name), key)
        write_whole(self.certificate(name), certificate)
        write_whole(self.pair(name), key + certificate)


class _Authority:
    """Vouches for what it issues."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self._certificate = (
            _builder(self._name, self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, SHA256())
        )

    @property
    def pem(self) -> str:
        return self._certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, name: str, names: list[x509.GeneralName], use: x509.ObjectIdentifier) -> tuple[str, str]:
        """Return a certificate and its key, in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        own = self._key.public_key()
        certificate = (
            _builder(_named(name), self._name, key)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), critical=False)
            .sign(self._key, SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return certificate.public_bytes(Encoding.PEM).decode(), private.decode()


_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFE)
    )
