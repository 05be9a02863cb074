# SPDX-License-Identifier: Apache-2.0
"""Whom a certificate names is asked of one bundle, at one instant."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from chassis.errors import Reject
from chassis.rpc.authorities import Authorities
from tests.certificates import Authority

HOUR = timedelta(hours=1)
ITA = "spiffe://ita.example.edu/cairn"


def named(believed: Authority, shown: bytes, at: datetime | None = None) -> frozenset[str]:
    return Authorities(believed.pem).vouched(shown, at or datetime.now(UTC)).identities


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("ITA")


def test_a_certificate_names_every_uri_of_it(authority: Authority) -> None:
    shown = authority.client(ITA, "https://ita.example.edu").certificate

    found = Authorities(authority.pem).vouched(shown, datetime.now(UTC))

    assert found.identities == {ITA, "https://ita.example.edu"}


def test_another_authority_speaks_for_nobody_here(authority: Authority) -> None:
    shown = Authority("ITA").client(ITA).certificate

    assert not named(authority, shown)


def test_an_authority_may_be_made_as_older_tools_make_them() -> None:
    homely = Authority("ITA", homely=True)
    issuing = Authority("ITA issuing", under=homely, homely=True)

    assert named(homely, homely.client(ITA).certificate) == {ITA}
    assert named(homely, issuing.client(ITA).certificate) == {ITA}


def test_an_authority_may_have_others_under_it(authority: Authority) -> None:
    shown = Authority("ITA issuing", under=authority).client(ITA).certificate

    assert named(authority, shown) == {ITA}


def test_a_client_is_no_authority(authority: Authority) -> None:
    """Whoever has a certificate signs another one with its key."""
    client = authority.client("spiffe://other.example.edu/cairn")
    forged = Authority.of(client).client(ITA).certificate + client.certificate

    found = Authorities(authority.pem).vouched(forged, datetime.now(UTC))

    assert not found.identities
    assert "is no authority" in found.reason or "basicConstraints" in found.reason


def test_a_server_certificate_speaks_for_no_caller(authority: Authority) -> None:
    assert not named(authority, authority.server(ITA).certificate)


def test_a_certificate_that_was_believed_ends_and_begins_by_the_clock(authority: Authority) -> None:
    authorities, now = Authorities(authority.pem), datetime.now(UTC)
    shown = authority.client(ITA, since=HOUR, until=2 * HOUR).certificate
    hours = (0, 1.5, 2.5, 1.5)

    found = [authorities.vouched(shown, now + each * HOUR).identities for each in hours]

    assert found == [set(), {ITA}, set(), {ITA}]


@pytest.mark.parametrize("junk", [b"", b"-----BEGIN CERTIFICATE-----\nzq4711\n-----END CERTIFICATE-----\n"])
def test_what_cannot_be_read_names_nobody(authority: Authority, junk: bytes) -> None:
    found = Authorities(authority.pem).vouched(junk, datetime.now(UTC))

    assert (found.identities, found.reason) == (frozenset(), "must hold one or more certificates in PEM")


def test_a_certificate_that_is_no_authoritys_is_no_bundle(authority: Authority) -> None:
    with pytest.raises(Reject, match="must hold certificates of authorities"):
        Authorities(authority.pem + authority.client(ITA).certificate)


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----\nzq4711\n-----END CERTIFICATE-----\n"])
def test_a_bundle_that_is_none_is_refused_and_not_shown(pem: bytes) -> None:
    with pytest.raises(Reject) as refused:
        Authorities(pem)

    assert str(refused.value) == "must hold one or more certificates in PEM"


def test_names_must_be_in_the_encoding_that_they_claim(authority: Authority) -> None:
    """TLS does not load such a certificate, nor what stands behind it."""
    der = Authority("Universitaet North").certificate.public_bytes(Encoding.DER)
    latin = der.replace(b"Universitaet", "Universit\xe4et".encode("latin-1").ljust(12, b"t"))
    assert latin != der

    with pytest.raises(Reject, match="names in the encoding they claim"):
        Authorities(authority.pem + ssl.DER_cert_to_PEM_cert(latin).encode())


def test_two_of_one_name_need_identifiers() -> None:
    first, second = (Authority("ITA", identified=False) for _ in range(2))

    with pytest.raises(Reject, match="subjectKeyIdentifier of its own"):
        Authorities(first.pem + second.pem)

    both = Authority("ITA").pem + Authority("ITA").pem
    assert len(Authorities(both).certificates) == 2
