# SPDX-License-Identifier: Apache-2.0
"""A hole in what a runner delivers is found before anything behind it takes effect."""

import pytest

from chassis.errors import Conflict
from chassis.streams.message import Partition, Record
from chassis.streams.unbroken import Unbroken, in_order

AT, OTHER = Partition("t", 0), Partition("t", 1)


def records(*offsets: int, at: Partition = AT) -> list[Record]:
    return [Record(at, offset, b"k", b"v", (), 0) for offset in offsets]


def test_what_was_fetched_before_comes_behind_what_lies_in_front_of_it() -> None:
    straight = [*records(7), *records(3, at=OTHER), *records(8)]
    assert in_order(straight) is straight
    mixed = [*records(9), *records(3, at=OTHER), *records(8, 9, 10)]
    assert [(each.at, each.offset) for each in in_order(mixed)] == [
        (AT, 8),
        (AT, 9),
        (AT, 9),
        (AT, 10),
        (OTHER, 3),
    ]


def test_an_assignment_begins_anywhere_and_goes_on_record_by_record() -> None:
    unbroken = Unbroken()
    unbroken.check([*records(7, 8), *records(3, at=OTHER)])
    unbroken.check([*records(4, at=OTHER), *records(9)])


@pytest.mark.parametrize(("before", "then"), [([], [3, 5]), ([3], [5]), ([3, 4, 3], [5])])
def test_a_hole_is_named(before: list[int], then: list[int]) -> None:
    unbroken = Unbroken()
    unbroken.check(records(*before))
    with pytest.raises(Conflict, match=r"of t\[0\] the records 4 to 4 were not delivered"):
        unbroken.check(records(*then))


def test_what_comes_again_breaks_nothing() -> None:
    unbroken = Unbroken()
    unbroken.check(records(3, 4, 5, 3, 4, 5, 6))
    unbroken.check(records(4, 5, 6, 7))


def test_after_a_rebalance_a_partition_begins_anew_and_no_other_one() -> None:
    unbroken = Unbroken()
    unbroken.check([*records(3), *records(3, at=OTHER)])
    unbroken.forget([AT])
    unbroken.check(records(9))
    with pytest.raises(Conflict):
        unbroken.check(records(9, at=OTHER))
