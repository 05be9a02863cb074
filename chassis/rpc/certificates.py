# SPDX-License-Identifier: Apache-2.0
"""What a certificate must be to be believed, or to speak for a caller (RFC 5280, 4.2.1)."""

from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    DuplicateExtension,
    ExtendedKeyUsage,
    ExtensionNotFound,
    InvalidVersion,
    KeyUsage,
    SubjectAlternativeName,
    UniformResourceIdentifier,
    UnsupportedGeneralNameType,
    load_pem_x509_certificates,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder

from chassis.errors import Reject

# What reading raises, of what should have been a certificate and may be anything.
UNREADABLE = (
    ValueError,
    KeyError,
    InvalidVersion,
    DuplicateExtension,
    UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)
KEYS = "of RSA with at least 2048 bits, or of the curve P-256 or P-384"
# A handshake of gRPC takes no other, though it loads them.
_CURVES = (ec.SECP256R1, ec.SECP384R1)
_SMALLEST_RSA = 2048
_CALLING = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}


def read_certificates(pem: bytes) -> list[Certificate]:
    """Read one or more certificates; raise Reject where there is none, or one that cannot be read."""
    try:
        return load_pem_x509_certificates(pem)
    except UNREADABLE:
        # Not from the error: it may show bytes of what should have been a certificate.
        raise Reject("must hold one or more certificates in PEM") from None


@lru_cache(maxsize=1024)
def claimed_by(chain: bytes) -> frozenset[str]:
    """Return the URIs that the first certificate of a chain names, whoever vouches for them or nobody."""
    try:
        found = read_certificates(chain)[0].extensions.get_extension_for_class(SubjectAlternativeName)
    except (Reject, ExtensionNotFound, *UNREADABLE):
        return frozenset()
    return frozenset(found.value.get_values_for_type(UniformResourceIdentifier))


def has_usable_key(certificate: Certificate) -> bool:
    """Tell whether TLS and the verification here both take a certificate's key."""
    try:
        key = certificate.public_key()
    except UNREADABLE:
        return False
    match key:
        case rsa.RSAPublicKey():
            return key.key_size >= _SMALLEST_RSA
        case ec.EllipticCurvePublicKey():
            return isinstance(key.curve, _CURVES)
        case _:
            return False


def may_issue(certificate: Certificate) -> bool:
    """Tell whether a certificate is an authority's."""
    try:
        found = {each.oid: each.value for each in certificate.extensions}
    except UNREADABLE:
        return False
    constraints, usage = found.get(BasicConstraints.oid), found.get(KeyUsage.oid)
    may_sign = not isinstance(usage, KeyUsage) or usage.key_cert_sign
    return (
        isinstance(constraints, BasicConstraints)
        and constraints.ca
        and may_sign
        and has_usable_key(certificate)
    )


def _check_authority(_policy: Policy, _certificate: Certificate, constraints: BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("is no authority")


def _check_usage(_policy: Policy, _certificate: Certificate, usage: KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("may not sign certificates")


def _check_caller(_policy: Policy, _certificate: Certificate, uses: ExtendedKeyUsage | None) -> None:
    if uses is not None and not _CALLING & set(uses):
        raise ValueError("is not for clients (extendedKeyUsage with clientAuth)")


def _check_end(_policy: Policy, _certificate: Certificate, constraints: BasicConstraints | None) -> None:
    if constraints is not None and constraints.ca:
        raise ValueError("is an authority's")


# Authorities of institutions seldom follow the profile of public ones (easy-rsa, `openssl req -x509`): what
# an issuer and a caller must be is asked, and not how their certificates must say the rest.
POLICY = PolicyBuilder().extension_policies(
    ca_policy=ExtensionPolicy.permit_all()
    .require_present(BasicConstraints, Criticality.AGNOSTIC, _check_authority)
    .may_be_present(KeyUsage, Criticality.AGNOSTIC, _check_usage),
    ee_policy=ExtensionPolicy.permit_all()
    .require_present(SubjectAlternativeName, Criticality.AGNOSTIC, None)
    .may_be_present(ExtendedKeyUsage, Criticality.AGNOSTIC, _check_caller)
    .may_be_present(BasicConstraints, Criticality.AGNOSTIC, _check_end),
)
