# SPDX-License-Identifier: Apache-2.0
"""Which cases a proof takes."""

from tests.prove.cases import any_besides_nemesis, reasons_of, rivalries, sufferings, trials
from tests.prove.nemesis import PLANTED


def test_the_short_form_plants_each_of_the_four_defects_once() -> None:
    planted = [each.planted for each in trials("", short=True) if each.planted]
    planted += [each.planted for each in rivalries("", short=True) if each.planted]
    assert sorted(planted) == sorted(PLANTED)


def test_the_short_form_leaves_no_crash_point_out() -> None:
    long = {point for trial in trials("", short=False) if not trial.planted for point in trial.points}
    for runner in ("aiokafka", "faust"):
        (joint,) = [t for t in trials("", short=True) if not t.planted and t.case.runner == runner]
        assert set(joint.points) == long


def test_a_process_must_end_as_often_as_it_is_planned_to() -> None:
    alone, joint = next(trials("", short=False)), next(trials("", short=True))
    assert (alone.due, joint.due) == (2, 1)


def test_a_nemesis_comes_on_both_runners_and_with_each_of_the_four_defects() -> None:
    found = list(sufferings("", 200_000, short=False))
    assert [each.runner for each in found if not each.planted] == ["aiokafka", "faust"]
    assert [each.planted for each in found if each.planted] == list(PLANTED)
    assert all(each.events < 200_000 for each in found if each.planted)
    assert not list(sufferings("", 200_000, short=True))


def test_a_name_picks_its_cases() -> None:
    assert [each.planted for each in rivalries("planted no_fence", short=False)] == ["no_fence"]
    assert [each.runner for each in sufferings("nemesis faust", 9000, short=False)] == ["faust"]
    assert not list(trials("two owners", short=False))


def test_where_no_nemesis_is_possible_the_other_cases_stay_and_the_reasons_are_said() -> None:
    assert any_besides_nemesis("", short=False)
    assert any_besides_nemesis("two owners", short=True)
    assert not any_besides_nemesis("nemesis", short=False)
    assert reasons_of({}) == ""
    said = reasons_of({"full disk": "only the superuser mounts a file system"})
    assert (
        said == "no nemesis: this machine does not allow full disk: only the superuser mounts a file system\n"
    )
