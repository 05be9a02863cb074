# SPDX-License-Identifier: Apache-2.0
"""The attainment is a function of the set of accepted facts (I4), and the one that the policy says."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cairn.events.attainment import AttainmentStatus
from cairn.events.result import Finality, Integrity, Outcome
from cairn.ids import LearnerId, TenantId
from services.assessment.domain.attainment import conclude
from services.assessment.domain.change import Emitted, Subject, change, emitted
from services.assessment.domain.mastery.terms import Terms, terms_of
from services.assessment.domain.policy import CountedActivity, Method, Policy
from services.assessment.domain.results import Result, Retraction
from tests.unit.services.assessment.domain.facts import ACTIVITIES, BEGIN, LATER, facts, reference, terms
from tests.unit.services.assessment.domain.oracle import expected

SUBJECT = Subject(TenantId("open"), LearnerId("l1"), "https://example.org/competency/algebra")
UNSCORED = {AttainmentStatus.UNKNOWN, AttainmentStatus.WITHDRAWN, AttainmentStatus.PARTIALLY_ATTEMPTED}


@settings(max_examples=250, deadline=None)
@given(terms, facts())
def test_the_conclusion_is_the_one_that_brute_force_finds(
    terms: Terms, known: tuple[list[Result], list[Retraction]]
) -> None:
    results, retractions = known
    found = conclude(terms, results, retractions, LATER)
    wanted = expected(terms.policy, terms.zone, results, [each.retracts for each in retractions], LATER)
    if wanted is None or found is None:
        assert found is wanted is None
        return
    now = found.attainment
    assert (now.status.value, now.achieved_on, now.valid_until) == (wanted[0], wanted[2], wanted[3])
    assert (now.score is None) == (wanted[1] is None)
    if wanted[1] is not None and now.score is not None:
        assert abs(Fraction(now.score) - wanted[1]) <= Fraction(1, 2 * 10**10)
        assert now.band == _band(terms, wanted[1])


def _band(terms: Terms, score: Fraction) -> str | None:
    levels = () if terms.policy.bands is None else terms.policy.bands.levels
    reached = [level.band for level in levels if level.at <= score]
    return reached[-1] if reached else None


@settings(max_examples=120, deadline=None)
@given(terms, facts(), st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_conclusion_and_last_event(
    terms: Terms, known: tuple[list[Result], list[Retraction]], chance: Random
) -> None:
    results, retractions = known
    arrived: list[Result | Retraction] = [*results, *retractions]
    shuffled = chance.sample(arrived, len(arrived))
    forward = conclude(terms, results, retractions, LATER)
    assert forward == conclude(terms, results[::-1], retractions[::-1], LATER)
    one, other = _arrive(terms, arrived), _arrive(terms, shuffled)
    if forward is not None:
        assert one is not None
        assert other is not None
        assert one.attainment == other.attainment


def _arrive(terms: Terms, arrived: list[Result | Retraction]) -> Emitted | None:
    """Fold facts one by one and return what was last published."""
    results: list[Result] = []
    retractions: list[Retraction] = []
    last: Emitted | None = None
    for fact in arrived:
        if isinstance(fact, Result):
            results.append(fact)
        else:
            retractions.append(fact)
        event = change(SUBJECT, terms, last, conclude(terms, results, retractions, LATER), LATER)
        if event is not None:
            assert event.revision == (1 if last is None else last.revision + 1)
            assert event.supersedes == (None if last is None else last.event_id)
            last = emitted(event)
    return last


@settings(max_examples=100, deadline=None)
@given(terms, facts())
def test_a_conclusion_rests_on_facts_that_there_are(
    terms: Terms, known: tuple[list[Result], list[Retraction]]
) -> None:
    results, retractions = known
    found = conclude(terms, results, retractions, LATER)
    assume(found is not None)
    assert found is not None
    assert found.grounds
    assert list(found.grounds) == sorted(set(found.grounds))
    assert set(found.grounds) <= {result.result_id for result in results} | {
        taken.result_id for taken in retractions
    }
    assert (found.attainment.score is None) == (
        found.attainment.status in UNSCORED | {AttainmentStatus.LAPSED}
    )


def _terms(method: Method = Method.HIGHEST, threshold: str = "0.4", activities: int = 1) -> Terms:
    policy = Policy(
        policy="algebra",
        competency=SUBJECT.competency,
        title="Algebra",
        version=1,
        method=method,
        threshold=Fraction(threshold),
        activities=tuple(CountedActivity(activity=activity) for activity in ACTIVITIES[:activities]),
        valid_for_months=1,
    )
    return terms_of(policy, reference(), BEGIN.tzinfo)  # type: ignore[arg-type]


def _scored(
    result_id: str, raw: str, version: int | None = None, activity: int = 0, attempt: int = 1
) -> Result:
    return Result(
        result_id,
        ACTIVITIES[activity],
        attempt,
        (Decimal(raw), Decimal(0), Decimal(100)),
        Outcome.SCORED,
        Finality.FINAL,
        Integrity.CLEAR,
        False,  # noqa: FBT003 - carried over
        BEGIN,
        version,
        None,
    )


def _status(terms: Terms, results: list[Result], retracts: str = "") -> AttainmentStatus | None:
    taken = [Retraction(f"x{name}", name) for name in retracts]
    found = conclude(terms, results, taken, BEGIN)
    return None if found is None else found.attainment.status


def test_a_regrade_downward_lowers_the_attainment() -> None:
    before, after = _scored("a", "40", 1), _scored("b", "39.99", 2)
    assert _status(_terms(), [before]) is AttainmentStatus.DEMONSTRATED
    assert _status(_terms(), [after, before]) is AttainmentStatus.ATTEMPTED_NOT_DEMONSTRATED


def test_the_retraction_of_a_regrade_gives_the_grade_before_it_back() -> None:
    before, after = _scored("a", "40", 1), _scored("b", "10", 2)
    assert _status(_terms(), [before, after], "b") is AttainmentStatus.DEMONSTRATED
    assert _status(_terms(), [before, after], "ab") is AttainmentStatus.WITHDRAWN


def test_a_retraction_before_its_target_says_nothing_until_the_target_comes() -> None:
    assert _status(_terms(), [], "a") is None
    assert _status(_terms(), [_scored("a", "90")], "a") is AttainmentStatus.WITHDRAWN


def test_a_second_attempt_counts_by_the_method() -> None:
    first, second = _scored("a", "90"), _scored("b", "10", attempt=2)
    assert _status(_terms(), [first, second]) is AttainmentStatus.DEMONSTRATED
    assert _status(_terms(Method.LATEST), [first, second]) is AttainmentStatus.ATTEMPTED_NOT_DEMONSTRATED


def test_two_results_of_one_attempt_that_nothing_orders_are_unknown() -> None:
    assert _status(_terms(), [_scored("a", "90"), _scored("b", "10")]) is AttainmentStatus.UNKNOWN
    assert _status(_terms(), [_scored("a", "90"), _scored("b", "90.0")]) is AttainmentStatus.DEMONSTRATED
    assert _status(_terms(), [_scored("a", "90", 1), _scored("b", "10", 1)]) is AttainmentStatus.UNKNOWN


def test_a_mean_is_secured_before_the_last_activity() -> None:
    terms = _terms(Method.WEIGHTED_MEAN, activities=2)
    assert _status(terms, [_scored("a", "79.99")]) is AttainmentStatus.PARTIALLY_ATTEMPTED
    assert _status(terms, [_scored("a", "80")]) is AttainmentStatus.DEMONSTRATED
    both = [_scored("a", "70"), _scored("b", "9", activity=1)]
    assert _status(terms, both) is AttainmentStatus.ATTEMPTED_NOT_DEMONSTRATED


@pytest.mark.parametrize(("days", "status"), [(29, "demonstrated"), (30, "lapsed")])
def test_a_deadline_ends_with_its_day(days: int, status: str) -> None:
    found = conclude(_terms(), [_scored("a", "90")], [], BEGIN + timedelta(days=days))
    assert found is not None
    assert found.attainment.status == status


def test_nothing_left_after_something_was_published_is_a_withdrawal() -> None:
    terms = _terms()
    first = change(SUBJECT, terms, None, conclude(terms, [_scored("a", "90")], [], BEGIN), BEGIN)
    assert first is not None
    gone = change(SUBJECT, terms, emitted(first), None, BEGIN)
    assert gone is not None
    assert (gone.status, gone.revision, gone.supersedes) == (AttainmentStatus.WITHDRAWN, 2, first.event_id)
    assert change(SUBJECT, terms, emitted(gone), None, BEGIN) is None
