# SPDX-License-Identifier: Apache-2.0
"""Whom a certificate names is asked of one bundle, at one instant."""

from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import Reject
from chassis.rpc.authorities import Authorities
from tests.certificates import Authority

ITA = "spiffe://ita.example.edu/cairn"
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("ITA")


def test_a_certificate_names_every_uri_of_it(authority: Authority) -> None:
    shown = authority.client(ITA, "https://ita.example.edu").certificate

    found = Authorities(authority.pem).identities(shown, datetime.now(UTC))

    assert found == {ITA, "https://ita.example.edu"}


def test_another_authority_speaks_for_nobody_here(authority: Authority) -> None:
    shown = Authority("ITA").client(ITA).certificate

    assert not Authorities(authority.pem).identities(shown, datetime.now(UTC))


def test_an_authority_may_have_others_under_it(authority: Authority) -> None:
    shown = Authority("ITA issuing", under=authority).client(ITA).certificate

    assert Authorities(authority.pem).identities(shown, datetime.now(UTC)) == {ITA}


def test_a_client_is_no_authority(authority: Authority) -> None:
    shown = authority.client(ITA).certificate

    assert not Authorities(Authority("other").pem).identities(shown + authority.pem, datetime.now(UTC))


def test_a_server_certificate_speaks_for_no_caller(authority: Authority) -> None:
    assert not Authorities(authority.pem).identities(authority.server().certificate, datetime.now(UTC))


def test_a_certificate_that_was_believed_ends_and_begins_by_the_clock(authority: Authority) -> None:
    authorities, now = Authorities(authority.pem), datetime.now(UTC)
    shown = authority.client(ITA, since=HOUR, until=2 * HOUR).certificate

    assert not authorities.identities(shown, now)
    assert authorities.identities(shown, now + 1.5 * HOUR) == {ITA}
    assert not authorities.identities(shown, now + 2.5 * HOUR)
    assert authorities.identities(shown, now + 1.5 * HOUR) == {ITA}


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----\nzq4711\n-----END CERTIFICATE-----\n"])
def test_a_bundle_that_is_none_is_refused_and_not_shown(pem: bytes) -> None:
    with pytest.raises(Reject) as refused:
        Authorities(pem)

    assert str(refused.value) == "must hold one or more certificates in PEM"
