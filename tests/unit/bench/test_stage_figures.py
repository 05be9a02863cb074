# SPDX-License-Identifier: Apache-2.0
"""The figures of the stages, from measurements made up so that each answer is plain."""

import pytest

from tests.bench.alone import Alone
from tests.bench.reference import Reference
from tests.bench.stage_figures import Measured, figures
from tests.bench.stages import INTAKE, RECORDS, Stage

RESULTS = 30_000


def measured(name: str, stage: Stage, seconds: float, bare: tuple[float, float]) -> Measured:
    cpu = {stage.part.name: 2.0, f"postgres.{stage.application}": 0.5, "bench": 9.0, "postgres.other": 9.0}
    before, after = (Reference(each, {}) for each in bare)
    return Measured(name, stage, Alone(20_000, seconds, cpu), (before, after))


def test_each_stage_has_its_rate_its_ratio_and_its_cpu() -> None:
    told = {each.name: each for each in figures([measured("stage.a", INTAKE, 4.0, (1.0, 2.0))], RESULTS, 1)}
    assert told["stage.a"].value == 5_000
    assert told["stage.a"].reference == 20_000
    assert told["stage.a"].ratio == pytest.approx(0.25)
    assert told["stage.a.cpu"].value == pytest.approx(10.0)
    assert told["stage.a.cpu.postgres"].value == pytest.approx(2.5)


def test_the_median_ratio_is_of_rounds_and_not_of_medians() -> None:
    # By hand: ratios 0.5, 0.2 and 0.25, while the medians of rates and references would give 0.5.
    rounds = [
        measured("stage.a", RECORDS, 4.0, (3.0, 3.0)),
        measured("stage.a", RECORDS, 2.0, (0.6, 0.6)),
        measured("stage.a", RECORDS, 8.0, (3.0, 3.0)),
    ]
    told = {each.name: each for each in figures(rounds, RESULTS, 3)}
    assert told["stage.a"].ratio == pytest.approx(0.25)
    assert told["stage.a"].value == 5_000
    assert told["stage.a"].reference == 10_000


def test_stages_are_told_in_the_order_of_their_first_round() -> None:
    one, other = (
        measured(name, stage, 4.0, (1.0, 1.0)) for name, stage in (("stage.z", INTAKE), ("stage.b", RECORDS))
    )
    assert [each.name for each in figures([one, other, one, other], RESULTS, 2)][::3] == [
        "stage.z",
        "stage.b",
    ]
