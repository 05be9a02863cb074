# SPDX-License-Identifier: Apache-2.0
"""Certificate authorities and what they issue, made for a test."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cairn.client.tls import Tls

_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_DAY = timedelta(days=1)
_HERE = x509.IPAddress(IPv4Address("127.0.0.1"))


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its chain, and its key, in PEM."""

    certificate: bytes
    key: bytes

    def shown_to(self, authority: "Authority") -> Tls:
        """Return what a caller who shows it and believes an authority opens a channel with."""
        return Tls(authorities=authority.pem, certificate=self.certificate, key=self.key)


class Authority:
    """A certificate authority; with ``under`` it is an intermediate one.

    A ``homely`` one is made as older tools make them: constraints that are not critical, no keyUsage, an
    authorityKeyIdentifier with issuer and serial number. One that is not ``identified`` has no key
    identifier, and one that ``renews`` another has its key.
    """

    def __init__(
        self,
        name: str,
        under: "Authority | None" = None,
        *,
        homely: bool = False,
        identified: bool = True,
        renews: "Authority | None" = None,
    ) -> None:
        self._key: ec.EllipticCurvePrivateKey = (
            ec.generate_private_key(ec.SECP256R1()) if renews is None else renews._key
        )
        self._under = under
        issuer = self if under is None else under
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        ski = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        usage = x509.KeyUsage(
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
        builder = _builder(self.name, issuer.name, self._key, now - 10 * _DAY, now + 10 * _DAY).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=not homely
        )
        if identified:
            builder = builder.add_extension(ski, critical=False)
        signs = issuer._key
        if homely:
            names = [x509.DirectoryName(issuer.name)]
            both = x509.AuthorityKeyIdentifier(_issued_by(signs).key_identifier, names, 4711)
            builder = builder.add_extension(both, critical=False)
        else:
            builder = builder.add_extension(usage, critical=True)
            builder = builder.add_extension(_issued_by(signs), critical=False)
        self.certificate = builder.sign(signs, SHA256())

    @property
    def pem(self) -> bytes:
        """The authority's own certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    @classmethod
    def of(cls, issued: Issued) -> "Authority":
        """Return an authority that has the key and the name of somebody who is none."""
        forger = cls("forger")
        key = load_pem_private_key(issued.key, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        forger._key = key
        forger.name = x509.load_pem_x509_certificate(issued.certificate).subject
        return forger

    def server(
        self,
        *also: str,
        since: timedelta = -_DAY,
        until: timedelta = _DAY,
        key: _Key | None = None,
    ) -> Issued:
        """Return what a server on this machine shows, from and until so far from now; ``also`` are URIs."""
        uris = [x509.UniformResourceIdentifier(each) for each in also]
        names = [_HERE, x509.DNSName("localhost"), *uris]
        return self._issue(names, ExtendedKeyUsageOID.SERVER_AUTH, since, until, key)

    def client(
        self,
        *identities: str,
        since: timedelta = -_DAY,
        until: timedelta = _DAY,
        key: _Key | None = None,
    ) -> Issued:
        """Return what a caller shows who goes by some URIs, from and until so far from now."""
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(each) for each in identities]
        return self._issue(names, ExtendedKeyUsageOID.CLIENT_AUTH, since, until, key)

    def _issue(
        self,
        names: list[x509.GeneralName],
        use: x509.ObjectIdentifier,
        since: timedelta = -_DAY,
        until: timedelta = _DAY,
        key: _Key | None = None,
    ) -> Issued:
        key, now = key or ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
        certificate = (
            _builder(subject, self.name, key, now + since, now + until)
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(_issued_by(self._key), critical=False)
            .sign(self._key, SHA256())
        )
        chain = [certificate, *([self.certificate] if self._under else [])]
        return Issued(
            b"".join(each.public_bytes(Encoding.PEM) for each in chain),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )


def write_server_files(folder: Path, issued: Issued, trust: bytes) -> tuple[Path, Path, Path]:
    """Write what a server reads: its certificate, its key and its operators' authorities."""
    paths = folder / "tls.crt", folder / "tls.key", folder / "operators.crt"
    for path, pem in zip(paths, (issued.certificate, issued.key, trust), strict=True):
        path.write_bytes(pem)
    return paths


def _builder(
    subject: x509.Name, issuer: x509.Name, key: _Key, since: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )


def _issued_by(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
