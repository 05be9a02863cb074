# SPDX-License-Identifier: Apache-2.0
"""A source sends as much as its rate, whatever the size of its batches and however it spreads them."""

from hypothesis import given
from hypothesis import strategies as st

from services.assessment.app.rates import Rate

batches = st.lists(st.tuples(st.integers(1, 10_000), st.floats(0, 3)), min_size=1, max_size=200)


@given(st.integers(1, 5000), batches)
def test_no_more_is_taken_than_the_rate_and_one_batch_ahead(
    per_second: int, sent: list[tuple[int, float]]
) -> None:
    rate, now, taken, largest = Rate(per_second), 0.0, 0, max(size for size, _ in sent)
    for size, pause in sent:
        now += pause
        if rate.wait(now) == 0:
            rate.charge(size, now)
            taken += size
        assert taken <= per_second * (now + 1) + largest + 1e-6


@given(st.integers(1, 5000), batches)
def test_who_waits_as_asked_is_taken_in(per_second: int, sent: list[tuple[int, float]]) -> None:
    rate, now = Rate(per_second), 0.0
    for size, pause in sent:
        now += pause
        now += rate.wait(now) * (1 + 1e-9)
        assert rate.wait(now) <= 1e-6
        rate.charge(size, now)


def test_whoever_sends_at_the_rate_never_waits() -> None:
    rate = Rate(100)
    for tick in range(1000):
        assert rate.wait(tick / 10) == 0
        rate.charge(10, tick / 10)
