# SPDX-License-Identifier: Apache-2.0
"""The size of a unit follows what its records cost, is small at first and never none, and grows again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.streams.pace import LONGEST_SECONDS, Pace


def test_a_few_small_units_come_before_one_without_a_limit() -> None:
    pace = Pace()
    sizes = []
    for _ in range(10):
        sizes.append(pace.of(10_000))
        pace.note(sizes[-1], 0.05)
    assert sizes == [32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 10_000]


@given(st.integers(2, 10_000), st.floats(30, 3600))
def test_what_was_given_up_is_tried_again_with_far_fewer(records: int, seconds: float) -> None:
    """The server had ended the transaction before the handler was done."""
    pace = Pace()
    pace.note(records, seconds)
    assert 1 <= pace.of(records // 2) <= max(1, records * LONGEST_SECONDS / seconds)


def test_one_at_a_time_is_not_for_ever() -> None:
    pace = Pace()
    pace.note(32, 60.0)
    for _ in range(11):
        pace.note(pace.of(10_000), 0.001)
    assert pace.of(10_000) == 2048


@pytest.mark.parametrize(
    ("records", "seconds", "most"), [(2000, 2.0, 200), (2000, 0.201, 1990), (3, 600.0, 1), (1, 0.3, 1)]
)
def test_it_is_cut_to_what_is_expected_in_time(records: int, seconds: float, most: int) -> None:
    pace = Pace()
    pace.note(records, seconds)
    assert pace.of(5000) == most
    assert pace.of(1) == 1


def test_it_grows_only_by_full_units_that_were_cheap() -> None:
    pace = Pace()
    pace.note(100, 2.0)
    for records, seconds in ((9, 0.001), (10, 0.15)):
        pace.note(records, seconds)
        assert pace.of(5000) == 10
    pace.note(10, 0.01)
    assert pace.of(5000) == 20


@given(st.lists(st.tuples(st.floats(0, 3600), st.integers(1, 10_000)), max_size=50))
def test_it_takes_one_at_least_and_no_more_than_wait(units: list[tuple[float, int]]) -> None:
    pace = Pace()
    for seconds, waiting in units:
        taken = pace.of(waiting)
        assert 1 <= taken <= waiting
        pace.note(taken, seconds)


@given(st.floats(0.00001, 0.15), st.floats(0.00001, 0.15))
def test_once_the_cost_is_known_no_unit_is_too_long(before: float, after: float) -> None:
    """One that costs more than all before is cut with the next; one that costs less is full again soon."""
    pace = Pace()
    for cost in (before, after):
        lengths = []
        for _ in range(40):
            taken = pace.of(2000)
            lengths.append(taken * cost)
            pace.note(taken, lengths[-1])
        assert lengths[-1] <= LONGEST_SECONDS * 1.001
        assert lengths[-1] >= min(2000 * cost, LONGEST_SECONDS / 4)
