# SPDX-License-Identifier: Apache-2.0
"""The bench's arithmetic, on numbers worked out by hand and against definitions written another way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.arithmetic import growth, medians, percentile

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@pytest.mark.parametrize(("share", "wanted"), [(0.05, 15), (0.30, 20), (0.40, 20), (0.50, 35), (1.0, 50)])
def test_percentiles_of_a_textbook(share: float, wanted: float) -> None:
    assert percentile([50, 15, 35, 40, 20], share) == wanted


def test_the_99th_percentile_of_a_hundred_leaves_one_value_above_it() -> None:
    assert percentile(list(range(100)), 0.99) == 98


@given(VALUES, st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_the_least_value_that_enough_do_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    enough = [value for value in values if sum(other <= value for other in values) / len(values) >= share]
    assert found == min(enough)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        percentile([1.0], share)


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="values"):
        percentile([], 0.5)


@given(slope=st.floats(-50, 50), start=st.floats(0, 300))
def test_the_fit_finds_the_slope_of_a_line(slope: float, start: float) -> None:
    line = [(float(x), start + slope * x) for x in range(20)]
    assert growth(line, warm_up=5) == pytest.approx(slope, abs=1e-6)


def test_the_fit_is_that_of_least_squares() -> None:
    # By hand: the xs lie 1 below, at and 1 above their mean, so the slope is half of last less first.
    assert growth([(1, 2), (2, 5), (3, 2)], warm_up=0) == pytest.approx(0)
    assert growth([(1, 2), (2, 5), (3, 5)], warm_up=0) == pytest.approx(1.5)


def test_what_comes_before_the_warm_up_ends_is_left_out() -> None:
    grown = [(0.0, 20.0), (10.0, 90.0), (20.0, 100.0), (30.0, 100.0), (40.0, 100.0)]
    assert growth(grown, warm_up=10) == pytest.approx(0)
    assert growth(grown, warm_up=-1) != pytest.approx(0)


@pytest.mark.parametrize("samples", [[], [(1.0, 1.0), (2.0, 2.0)], [(5.0, 1.0), (5.0, 2.0), (5.0, 3.0)]])
def test_too_little_tells_no_growth(samples: list[tuple[float, float]]) -> None:
    assert growth(samples, warm_up=0) is None


def test_a_run_without_a_name_counts_as_nothing_used() -> None:
    runs = [{"a": 1.0, "b": 5.0}, {"a": 3.0}, {"a": 2.0, "b": 7.0}]
    assert medians(runs) == {"a": 2.0, "b": 5.0}
