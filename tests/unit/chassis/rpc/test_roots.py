# SPDX-License-Identifier: Apache-2.0
"""Of two authorities of one name TLS could take the wrong one, unless their key identifiers differ."""

from chassis.rpc.roots import apart, confusable, rivals
from tests.certificates import Authority

NORTH, SOUTH = Authority("north"), Authority("south")
RENEWED = Authority("north", renews=NORTH)
NAMESAKE = Authority("north")
NAMELESS = Authority("north", identified=False)
SHOUTED = Authority(" NORTH  ", identified=False)


def certificates(*authorities: Authority) -> list[object]:
    return [each.certificate for each in authorities]


def kept(*authorities: Authority) -> list[object]:
    return list(apart(each.certificate for each in authorities))


def test_key_identifiers_keep_two_of_one_name_apart() -> None:
    assert kept(NORTH, NAMESAKE, SOUTH) == certificates(NORTH, NAMESAKE, SOUTH)
    assert not rivals([NORTH.certificate, NAMESAKE.certificate])


def test_without_them_the_first_is_kept() -> None:
    assert kept(NORTH, NAMELESS, SOUTH) == certificates(NORTH, SOUTH)
    assert kept(NAMELESS, NORTH, SOUTH) == certificates(NAMELESS, SOUTH)
    assert rivals([SOUTH.certificate, NORTH.certificate, NAMELESS.certificate])
    assert confusable([NAMELESS.certificate], [SOUTH.certificate, NORTH.certificate])


def test_names_are_compared_as_tls_compares_them() -> None:
    assert kept(NORTH, SHOUTED) == certificates(NORTH)


def test_one_key_may_come_twice() -> None:
    """A renewed certificate of an authority: whichever is taken, its key has signed."""
    assert kept(NORTH, RENEWED) == certificates(NORTH, RENEWED)
    assert kept(NORTH, NORTH) == certificates(NORTH)
    assert not confusable([NORTH.certificate], [SOUTH.certificate])
