# SPDX-License-Identifier: Apache-2.0
"""What a result costs: the copies' statements, the lots, and the figures."""

import pytest
from pydantic import TypeAdapter

from cairn.cloudevents import CloudEvent
from cairn.events.native import NativeResult
from tests.bench.cost_figures import Pair, figures, short
from tests.bench.multiply import statement
from tests.bench.stored_feed import feed
from tests.bench.throughput import Throughput

_native = TypeAdapter(NativeResult)


def taken(cpu: float, seconds: float) -> Throughput:
    return Throughput(seconds, {"bench": 100.0, "kafka": cpu / 4, "assessment-relay": 3 * cpu / 4}, {})


def test_ratios_are_of_one_round_and_without_the_bench() -> None:
    # By hand: 1.1, 3 and 1.2, although the machine was slow in the second round.
    pairs = [
        Pair(taken(2.0, 1.0), taken(2.2, 1.0), 1000),
        Pair(taken(9.0, 4.0), taken(27.0, 4.0), 1000),
        Pair(taken(1.0, 2.0), taken(1.2, 3.0), 1000),
    ]
    cpu, wall = figures(pairs, 5_000_000)
    assert (cpu.name, wall.name) == ("cost.at_5m", "cost.at_5m.wall")
    assert cpu.value == pytest.approx(2200)
    assert cpu.reference == pytest.approx(2000)
    assert cpu.ratio == pytest.approx(1.2)
    assert wall.value == pytest.approx(3000)
    assert wall.ratio == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("number", "wanted"), [(5_000_000, "5m"), (20_000, "20k"), (1_500_000, "1500k"), (999, "999")]
)
def test_a_round_number_is_written_shortly(number: int, wanted: str) -> None:
    assert short(number) == wanted


def test_only_what_must_differ_is_made_anew() -> None:
    text = statement("a.b", ["tenant", "learner"], {"learner": "'l' || md5({0} || copy)"})
    assert 'select stored."tenant", \'l\' || md5(stored."learner" || copy) from' in text


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError, match="learner"):
        statement("a.b", ["tenant"], {"learner": "{0}"})


def students(events: list[CloudEvent]) -> list[str]:
    return [_native.validate_json(event.data or b"").learner.value for event in events]


def test_a_lot_is_half_of_learners_stored_and_nothing_is_fed_twice() -> None:
    fed = feed(600, lots=3, size=100)
    assert len(fed.stored) == 600
    known = set(students(list(fed.stored)))
    for lot in fed.lots:
        assert [student in known for student in students(list(lot))] == [True, False] * 50
    ids = [event.id for lot in (fed.stored, *fed.lots) for event in lot]
    assert len(set(ids)) == len(ids) == 900
