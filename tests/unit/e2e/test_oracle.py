# SPDX-License-Identifier: Apache-2.0
"""The oracle on cases whose answers were worked out by hand, and on the whole dataset."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from tests.e2e import oracle
from tests.e2e.oracle import CERTIFICATE, DIPLOMA, Attainment, attainment, awards_of
from tests.e2e.oracle_facts import Facts, Result, from_dataset, from_stream

ROOT = Path(__file__).resolve().parents[3]
TABLE = ROOT / "examples" / "open-university" / "assessments.csv"
OULAD = ROOT.parent / "shared" / "data" / "oulad"

FIRST_DAY = datetime(2013, 10, 1, 12, tzinfo=UTC)
WEIGHTS = {"a": Fraction(10), "b": Fraction(30), "c": Fraction(60)}


def result(activity: str, percent: str | None, day: int = 0, event_id: str = "") -> Result:
    score = None if percent is None else (Decimal(percent), Decimal(0), Decimal(100))
    return Result(event_id or activity, "s", activity, score, FIRST_DAY + timedelta(days=day))


def concluded(*results: Result, retracted: frozenset[str] = frozenset()) -> Attainment | None:
    return attainment(results, {("s", event_id) for event_id in retracted}, WEIGHTS)


def test_missing_work_counts_zero_and_the_day_is_the_one_that_reached_the_mark() -> None:
    # 10 x 70 + 60 x 55 = 4000 of 10000: the mark exactly, on the day of the second.
    found = concluded(result("a", "70", 1), result("c", "55", 9))
    assert found == Attainment("demonstrated", Fraction(2, 5), date(2013, 10, 10))


def test_a_later_result_raises_the_score_and_not_the_day() -> None:
    # The mark was reached with c alone (60 x 80 = 4800); b adds 30 x 50 = 1500.
    found = concluded(result("c", "80", 2), result("b", "50", 40))
    assert found == Attainment("demonstrated", Fraction(63, 100), date(2013, 10, 3))


def test_just_below_the_mark_is_partial_until_all_is_handed_in() -> None:
    # 10 x 69.9 + 60 x 55 = 3999 of 10000.
    two = result("a", "69.9"), result("c", "55")
    assert concluded(*two) == Attainment("partially_attempted")
    assert concluded(*two, result("b", "0")) == Attainment(
        "attempted_not_demonstrated", Fraction(3999, 10000)
    )


def test_what_never_counts_concludes_nothing() -> None:
    assert concluded(result("a", None), replace(result("c", "90"), carried_over=True)) is None
    assert concluded(replace(result("c", "90"), standing=("scored", "provisional", "clear"))) is None


def test_a_regrade_holds_whichever_came_first() -> None:
    first, regrade = result("c", "80", event_id="c1"), replace(result("c", "50", event_id="c2"), version=2)
    assert concluded(first, regrade) == concluded(regrade, first) == Attainment("partially_attempted")
    # Taken back, the regrade gives way to the grade before it.
    restored = concluded(first, regrade, retracted=frozenset({"c2"}))
    assert restored == Attainment("demonstrated", Fraction(48, 100), date(2013, 10, 1))


def test_a_second_attempt_counts_only_when_better() -> None:
    first, second = result("c", "70"), replace(result("c", "60", 5, "again"), attempt=2)
    found = concluded(first, second)
    assert found is not None
    assert found.score == Fraction(42, 100)
    better = concluded(first, replace(result("c", "90", 5, "again"), attempt=2))
    assert better is not None
    assert better.score == Fraction(54, 100)


def test_all_taken_back_is_withdrawn() -> None:
    assert concluded(result("c", "80"), retracted=frozenset({"c"})) == Attainment("withdrawn")
    assert concluded(result("a", None), retracted=frozenset({"a"})) is None


def test_reports_that_nothing_orders_are_unknown_unless_they_say_the_same() -> None:
    one, same = result("c", "80", event_id="1"), result("c", "80", event_id="2")
    assert concluded(one, same) == Attainment("demonstrated", Fraction(48, 100), date(2013, 10, 1))
    assert concluded(one, result("c", "81", event_id="2")) == Attainment("unknown")
    unversioned = replace(result("c", "81", event_id="2"), version=None, modified_at=FIRST_DAY)
    assert concluded(one, unversioned) == Attainment("unknown")


@pytest.mark.parametrize(
    ("modules", "made"),
    [
        ("C", set()),
        ("D", {CERTIFICATE}),
        ("CE", {CERTIFICATE}),  # 30 + 30 are both spent on the certificate
        ("CD", {CERTIFICATE, DIPLOMA}),  # only if the certificate takes D and leaves C
        ("CEG", {CERTIFICATE, DIPLOMA}),
        ("ABCDEFG", {CERTIFICATE, DIPLOMA}),
    ],
)
def test_no_module_counts_twice(modules: str, made: set[str]) -> None:
    assert awards_of({letter * 3 for letter in modules}) == made


def test_awards_follow_from_any_presentation_and_unknown_stays_unknown() -> None:
    counted = {("DDD", "2013B"): {"d1": Fraction(1)}, ("DDD", "2013J"): {"d2": Fraction(1)}}
    counted |= {("CCC", "2014B"): {"c": Fraction(1)}}
    facts = Facts(results=[result("d1", "10"), result("d2", "90"), result("c", "80", event_id="1")])
    facts.results.append(result("c", "70", event_id="2"))
    found = oracle.conclude(facts, counted)
    assert found.met == {"s": {"module-ddd", CERTIFICATE}}
    assert found.unknown == {"s": {"module-ccc", DIPLOMA}}
    assert found.credits == {"s": 60}


def event(event_id: str, percent: str, **data: object) -> str:
    said = {
        "learner": {"issuer": "https://example.org", "kind": "number", "value": "s"},
        "activity": "https://example.org/a",
        "score": {"raw": percent, "min": "0", "max": "100"},
        "occurred_at": "2013-10-01T12:00:00Z",
    }
    kind = (
        "org.cairn.ingest.result.retracted.v1"
        if "retracts" in data
        else "org.cairn.ingest.result.recorded.v1"
    )
    return json.dumps({"id": event_id, "type": kind, "data": said | data})


def test_the_first_content_under_an_id_is_the_accepted_one() -> None:
    facts = from_stream([event("1", "50"), event("1", "60"), event("1", "50"), event("2", "101")])
    assert facts.outcomes == Counter(stored=1, conflict=1, duplicate=1, refused=1)
    assert [result.score for result in facts.results] == [(Decimal(50), Decimal(0), Decimal(100))]


def test_a_retraction_is_taken_also_before_its_target() -> None:
    facts = from_stream([event("r", "0", retracts="1", score=None), event("1", "50")])
    assert facts.retracted == {("s", "1")}
    assert facts.outcomes == Counter(stored=2)


def test_weights_of_zero_are_left_out_or_equal() -> None:
    found = oracle.weights(TABLE)
    assert len(found) == 22
    assert set(found["GGG", "2013J"].values()) == {1}
    assert len(found["GGG", "2013J"]) == 9
    assert found["FFF", "2013B"]["34860"] == Fraction(25, 2)
    assert len(found["FFF", "2013B"]) == 5
    assert sum(found["DDD", "2013B"].values()) == 100


@pytest.mark.skipif(not OULAD.is_dir(), reason="the dataset is not at ../shared/data/oulad")
def test_the_whole_dataset(capsys: pytest.CaptureFixture[str]) -> None:
    found = oracle.conclude(from_dataset(OULAD), oracle.weights(OULAD / "assessments.csv"))
    statuses = Counter(attained.status for attained in found.attainments.values())
    awards = Counter(credential for met in found.met.values() for credential in met)
    with capsys.disabled():
        print(f"\n  {dict(found.outcomes)} {dict(statuses)}")  # noqa: T201 -- the totals are the point
        print(f"  {dict(sorted(awards.items()))} credits: {sum(found.credits.values())}")  # noqa: T201
    assert found.outcomes == Counter(stored=173_912)
    assert statuses == Counter(demonstrated=17_406, partially_attempted=7_777, attempted_not_demonstrated=121)
    assert (awards[CERTIFICATE], awards[DIPLOMA]) == (12_574, 543)
    assert found.unknown == {}
