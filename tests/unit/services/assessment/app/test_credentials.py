# SPDX-License-Identifier: Apache-2.0
"""A credential is of one source, is sent whole, and shows itself nowhere."""

import pytest

from cairn.ids import TenantId
from services.assessment.app.credentials import Credentials, Held, Issued
from services.assessment.app.sources import Source

LMS, OTHER = Issued.new(), Issued.new()
NORTH = TenantId("north")
SOURCE = Source(name="lms", tenant=NORTH)
HELD = Credentials(
    [Held("north", "lms", LMS.credential, LMS.digest), Held("north", "other", OTHER.credential, OTHER.digest)]
)


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_who_shows_a_credential_of_the_source_is_known(scheme: str) -> None:
    assert HELD.vouch(SOURCE, scheme + LMS.secret)


@pytest.mark.parametrize(
    "sent",
    {
        "nothing": "",
        "no scheme": LMS.secret,
        "another scheme": f"Basic {LMS.secret}",
        "no secret": "Bearer ",
        "the id alone": f"Bearer cairn.{LMS.credential}",
        "another secret": f"Bearer cairn.{LMS.credential}.{OTHER.secret[-43:]}",
        "another source's": f"Bearer {OTHER.secret}",
        "one that is not held": f"Bearer {Issued.new().secret}",
        "one cut short": f"Bearer {LMS.secret[:-1]}",
        "one with more": f"Bearer {LMS.secret}x",
        "two": f"Bearer {LMS.secret} {LMS.secret}",
        "one behind a line": f"Bearer {LMS.secret}\n",
        "its digest": f"Bearer {LMS.digest.hex()}",
        "no ASCII": f"Bearer cairn.{LMS.credential}.{'é' * 43}",
    }.items(),
    ids=lambda each: each[0],
)
def test_nobody_else_is(sent: tuple[str, str]) -> None:
    assert not HELD.vouch(SOURCE, sent[1])


def test_a_source_without_credentials_lets_nobody_in() -> None:
    assert not HELD.vouch(Source(name="third", tenant=NORTH), f"Bearer {LMS.secret}")
    assert not Credentials().vouch(SOURCE, f"Bearer {LMS.secret}")


def test_a_source_that_another_institution_has_by_now_lets_none_of_the_former_in() -> None:
    assert not HELD.vouch(Source(name="lms", tenant=TenantId("south")), f"Bearer {LMS.secret}")


def test_no_two_are_alike_and_none_shows_its_secret() -> None:
    made = [Issued.new() for _ in range(100)]

    assert len({each.secret for each in made}) == len({each.credential for each in made}) == 100
    assert not any(each.secret in repr(each) for each in made)
    assert LMS.digest.hex() not in repr(Held("north", "lms", LMS.credential, LMS.digest))
