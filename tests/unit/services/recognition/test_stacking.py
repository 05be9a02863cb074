# SPDX-License-Identifier: Apache-2.0
"""Awards that feed awards, and what a lowering does to them."""

from dataclasses import replace
from fractions import Fraction

from cairn.amounts import wire_score
from cairn.events.attainment import AttainmentStatus
from cairn.events.decision import DecisionKind
from cairn.events.explanation import Answer
from services.recognition.domain.effective import EffectiveRules
from tests.unit.services.recognition.builders import (
    TODAY,
    Record,
    attained,
    competency,
    credits_of,
    holds,
    said,
    version,
    wants,
)

LOWERED = AttainmentStatus.ATTEMPTED_NOT_DEMONSTRATED


def stack() -> Record:
    modules = [version(f"m{number}", wants(f"m{number}")) for number in range(1, 5)]
    certificate = version("certificate", credits_of("sum", 120, "m1", "m2", "m3", "m4"), cats=120)
    rest = {"id": "all", "all": [holds("certificate"), credits_of("rest", 60, "m1", "m2", "m3", "m4")]}
    return Record(EffectiveRules([*modules, certificate, version("diploma", rest, cats=0)]))


def test_modules_make_a_certificate_and_with_it_a_diploma() -> None:
    record = stack()
    assert said(record.learn(attained("m2"))) == [("m2", "conferred")]
    assert said(record.learn(attained("m1"))) == [("m1", "conferred"), ("certificate", "conferred")]
    third = record.learn(attained("m4"))
    assert said(third) == [("m4", "conferred"), ("diploma", "conferred")]
    diploma = third[1]
    assert [one.credential for one in diploma.allotments] == ["m4"]
    assert set(diploma.grounds) == {record.awards["certificate"].decision_id, record.awards["m4"].decision_id}
    assert diploma.explanation.answer is Answer.MET


def test_an_award_counts_from_the_day_on_which_its_requirements_were_met() -> None:
    record = stack()
    record.learn(attained("m1", revision=2), attained("m2", revision=9))
    assert record.awards["m1"].effective_on.day == 2
    assert record.awards["certificate"].effective_on.day == 9


def test_a_lowering_puts_what_rests_on_it_under_review_and_a_rise_restores_it() -> None:
    record = stack()
    record.learn(attained("m1"), attained("m2"))
    lowered = record.learn(attained("m1", LOWERED, 2))
    assert said(lowered) == [("m1", "under_review"), ("certificate", "under_review"), ("diploma", "referred")]
    assert [one.reason for one in lowered] == ["grounds_lost", "grounds_unknown", "answer_unknown"]
    assert all(one.due_on is not None and one.due_on > TODAY and one.addressee for one in lowered)
    assert lowered[1].allotments == ()
    restored = record.learn(attained("m1", revision=3))
    assert said(restored) == [("m1", "upheld"), ("certificate", "upheld"), ("diploma", "withdrawn")]
    assert [one.credential for one in restored[1].allotments] == ["m1", "m2"]
    assert restored[1].supersedes == lowered[1].decision_id
    assert restored[1].revision == 3


def test_another_module_takes_the_place_of_a_lost_one() -> None:
    record = stack()
    record.learn(attained("m2"), attained("m3"), attained("m4"))
    assert [one.credential for one in record.awards["certificate"].allotments] == ["m2", "m3"]
    assert [one.credential for one in record.awards["diploma"].allotments] == ["m4"]
    moved = record.learn(attained("m2", LOWERED, 2))
    assert said(moved) == [("m2", "under_review"), ("diploma", "under_review"), ("certificate", "reallotted")]
    assert [one.credential for one in record.awards["certificate"].allotments] == ["m3", "m4"]
    assert moved[1].explanation.children[1].have == Fraction(0)


def test_what_is_unknown_goes_to_a_person_and_is_closed_when_it_is_known() -> None:
    record = stack()
    assert said(record.learn(attained("m1", AttainmentStatus.UNKNOWN))) == [("m1", "referred")]
    assert said(record.learn(attained("m1", LOWERED, 2))) == [("m1", "withdrawn")]
    assert said(record.learn(attained("m1", revision=3))) == [("m1", "conferred")]


def test_a_person_confers_a_certificate_by_default() -> None:
    by_person = version("paper", wants("a"), credential={"kind": "certificate", "addressee": "board"})
    record = Record(EffectiveRules([by_person, version("above", holds("paper"))]))
    (proposed,) = record.learn(attained("a"))
    assert (proposed.kind, proposed.addressee) == (DecisionKind.PROPOSED, "board")
    assert record.learn(attained("a", revision=2)) == []
    assert said(record.learn(attained("a", LOWERED, 3))) == [("paper", "withdrawn")]


def test_an_earlier_rule_does_not_take_what_a_later_one_needs_and_it_could_do_without() -> None:
    rules = [version(name, wants(name)) for name in ("a", "b", "c")]
    picky = version("z-picky", credits_of("sum", 60, "a"), cats=0)
    easy = version("y-easy", credits_of("sum", 60, "a", "b"), cats=0)
    record = Record(EffectiveRules([*rules, picky, easy]))
    record.learn(attained("a"))
    assert record.awards["y-easy"].allotments[0].credential == "a"
    freed = record.learn(attained("b"))
    assert said(freed) == [("b", "conferred"), ("y-easy", "reallotted"), ("z-picky", "conferred")]


def test_credit_that_another_award_counted_until_today_counts_from_today() -> None:
    rules = [version(name, wants(name)) for name in ("a", "b")]
    picky = version("z-picky", credits_of("sum", 60, "a"), cats=0)
    easy = version("y-easy", credits_of("sum", 60, "a", "b"), cats=0)
    record = Record(EffectiveRules([*rules, picky, easy]))
    record.learn(attained("a"))
    assert record.awards["y-easy"].effective_on < TODAY
    record.learn(attained("b"))
    assert record.awards["z-picky"].effective_on == TODAY


def test_a_score_that_was_rounded_reaches_what_it_was_before() -> None:
    third = version("third", {"id": "c", "competency": competency("a"), "min_score": "1/3"}, cats=0)
    half = version("half", {"id": "c", "competency": competency("a"), "min_score": "1/2"}, cats=0)
    record = Record(EffectiveRules([third, half]))
    scored = replace(attained("a"), score=wire_score(Fraction(1, 3)))
    assert said(record.learn(scored)) == [("third", "conferred")]


def test_a_rule_that_a_change_does_not_reach_keeps_the_credit_it_counts() -> None:
    rules = [version("a", wants("a"), cats=20), version("b", wants("b"), cats=30)]
    first = version("y-first", credits_of("sum", 20, "a"), cats=0)
    second = version("z-second", credits_of("sum", 20, "a", "b"), cats=0)
    record = Record(EffectiveRules([*rules, first, second]))
    assert said(record.learn(attained("a"), attained("b"))) == [
        ("a", "conferred"),
        ("y-first", "conferred"),
        ("b", "conferred"),
        ("z-second", "conferred"),
    ]
    assert [one.credential for one in record.awards["z-second"].allotments] == ["b"]


def test_a_fact_that_changes_no_answer_decides_nothing() -> None:
    record = stack()
    record.learn(attained("m1"))
    assert record.learn(attained("m1", revision=2), attained("unheard-of")) == []


def test_what_an_award_rests_on_is_not_spent_again_once_its_rule_is_out_of_force() -> None:
    modules = [version(f"m{number}", wants(f"m{number}")) for number in (1, 2)]
    before = version("before", credits_of("sum", 120, "m1", "m2"))
    after = version("after", credits_of("sum", 120, "m1", "m2"))
    record = Record(EffectiveRules([*modules, before]))
    assert said(record.learn(attained("m1"), attained("m2")))[-1] == ("before", "conferred")

    record.rules = EffectiveRules([*modules, after])
    assert record.evaluate(range(3)) == []
