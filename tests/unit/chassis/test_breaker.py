# SPDX-License-Identifier: Apache-2.0
"""The breaker opens at the twentieth bug among 2,000 records, against a count by hand."""

from hypothesis import given
from hypothesis import strategies as st

from chassis.unit.breaker import AMONG_RECORDS, MOST_BUGS, opens_at

POSITIONS = st.lists(st.integers(1, 4 * AMONG_RECORDS), min_size=1, max_size=80, unique=True).map(sorted)


def by_hand(positions: list[int]) -> int | None:
    """Return the first bug with which as many lie among the last 2,000 records."""
    for number, last in enumerate(positions):
        among = [one for one in positions[: number + 1] if one > last - AMONG_RECORDS]
        if len(among) >= MOST_BUGS:
            return number
    return None


@given(POSITIONS, st.integers(0, 80))
def test_it_opens_where_a_count_by_hand_says(positions: list[int], cut: int) -> None:
    known, new = positions[:cut], positions[cut:]
    found = by_hand(positions)
    if found is not None and found < len(known):
        return  # it would have opened before
    expected = None if found is None else found - len(known)
    # No more are kept than what it takes.
    assert opens_at(known[-MOST_BUGS:], new) == expected


def test_the_edge_of_what_it_looks_back_on() -> None:
    close = [*range(MOST_BUGS - 1)]
    assert opens_at(close, [AMONG_RECORDS - 1]) == 0
    assert opens_at(close, [AMONG_RECORDS]) is None
