# SPDX-License-Identifier: Apache-2.0
"""How long a failed partition of the relay rests, and when it is forgotten."""

from collections.abc import Callable

import pytest
from aiokafka.errors import MessageSizeTooLargeError, NotLeaderForPartitionError

from chassis.errors import Retry
from chassis.relay.aside import Aside
from chassis.streams.message import Partition

AT, OTHER = Partition("t", 0), Partition("t", 1)
REFUSED = MessageSizeTooLargeError()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass."""
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    return pass_by


def test_it_rests_longer_each_time_but_no_longer_than_a_quarter_of_a_minute(
    later: Callable[[float], None],
) -> None:
    aside = Aside()
    for seconds in (1, 2, 4, 8, 15, 15):
        aside.learn([], {AT: REFUSED}, ())
        later(seconds - 0.1)
        assert aside.resting() == [AT]
        later(0.1)
        assert aside.resting() == []


def test_it_rests_shortly_again_once_the_broker_has_taken_something(later: Callable[[float], None]) -> None:
    aside = Aside()
    aside.learn([], {AT: REFUSED}, ())
    aside.learn([], {AT: REFUSED}, ())
    aside.learn([], {AT: REFUSED}, {AT})
    later(1)
    assert aside.resting() == []


def test_rows_are_sent_one_by_one_after_a_refusal_until_they_go_through() -> None:
    aside = Aside()
    aside.learn([], {AT: REFUSED, OTHER: NotLeaderForPartitionError()}, ())
    assert aside.alone() == {AT}
    aside.learn([], {AT: TimeoutError()}, {AT})
    assert aside.alone() == {AT}
    aside.learn([], {}, {AT})
    assert aside.alone() == set()


def test_what_was_not_read_stays_aside_and_everything_else_is_forgotten() -> None:
    aside = Aside()
    aside.learn([], {AT: REFUSED, OTHER: Retry("there is no t")}, ())
    assert aside.reason == "not publishing to t, partition 0: MessageSizeTooLargeError; there is no t"
    aside.learn(aside.others({AT}), {}, {AT})
    assert aside.reason == "there is no t"
    aside.learn([], {}, ())
    assert aside.reason == ""


def test_a_few_reasons_are_told_and_the_others_counted() -> None:
    aside = Aside()
    aside.learn([], {Partition("t", number): Retry(f"reason {number}") for number in range(5)}, ())
    assert aside.reason == "reason 0; reason 1; reason 2; and 2 more"
