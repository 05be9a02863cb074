# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for policies and for the facts of one learner, small enough to collide often."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from cairn.events.attainment import PolicyReference
from cairn.events.result import Finality, Integrity, Outcome
from services.assessment.domain.mastery.terms import Terms, terms_of
from services.assessment.domain.policy import (
    Attempts,
    Band,
    Bands,
    CountedActivity,
    Exclusion,
    Method,
    Policy,
)
from services.assessment.domain.results import Result, Retraction

ACTIVITIES = tuple(f"https://example.org/activity/{number}" for number in range(4))
BEGIN = datetime(2024, 2, 27, 22, 0, tzinfo=UTC)
ZONES = (UTC, ZoneInfo("America/Toronto"), ZoneInfo("Pacific/Auckland"))

exact = st.fractions(min_value=0, max_value=1, max_denominator=20)
bands = st.lists(exact, min_size=1, max_size=3, unique=True).map(
    lambda shares: Bands(
        scheme="letters", levels=tuple(Band(band=f"band-{n}", at=at) for n, at in enumerate(sorted(shares)))
    )
)
policies = st.builds(
    Policy,
    policy=st.just("algebra"),
    competency=st.just("https://example.org/competency/algebra"),
    title=st.just("Algebra"),
    version=st.just(1),
    method=st.sampled_from(Method),
    threshold=exact,
    activities=st.lists(
        st.builds(
            CountedActivity,
            activity=st.sampled_from(ACTIVITIES[:3]),
            weight=st.sampled_from([Fraction(1), Fraction(2), Fraction(1, 3), Fraction(5, 2)]),
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda counted: counted.activity,
    ).map(tuple),
    attempts=st.sampled_from(Attempts),
    exclude=st.sampled_from([(), (Exclusion.CARRIED_OVER,)]),
    bands=st.none() | bands,
    valid_for_months=st.none() | st.integers(1, 3),
)


def reference(version: int = 1) -> PolicyReference:
    """Name a policy version."""
    return PolicyReference(policy="algebra", version=version, hash="0" * 64)


terms: st.SearchStrategy[Terms] = st.builds(terms_of, policies, st.just(reference()), st.sampled_from(ZONES))
instants = st.integers(0, 40).map(lambda steps: BEGIN + timedelta(hours=3 * steps))
of_forty = st.integers(0, 10).map(lambda raw: (Decimal(raw) * 4, Decimal(0), Decimal("40.0")))
of_ten = st.integers(3, 10).map(lambda raw: (Decimal(raw), Decimal(3), Decimal(10)))


@st.composite
def facts(draw: st.DrawFn) -> tuple[list[Result], list[Retraction]]:
    """Draw accepted results, and retractions of some of them and of results that never came."""
    count = draw(st.integers(0, 8))
    results = [draw(_result(f"r{number}")) for number in range(count)]
    taken = draw(st.lists(st.sampled_from([f"r{number}" for number in range(count + 1)]), max_size=3))
    return results, [Retraction(f"x{number}", retracts) for number, retracts in enumerate(taken)]


def _result(result_id: str) -> st.SearchStrategy[Result]:
    rarely = st.integers(0, 5).map(lambda drawn: drawn == 0)
    return st.builds(
        Result,
        result_id=st.just(result_id),
        activity=st.sampled_from(ACTIVITIES),
        attempt=st.integers(1, 2),
        score=of_forty | of_ten | st.just((Decimal("40.00"), Decimal(0), Decimal(40))) | st.none(),
        outcome=st.just(Outcome.SCORED),
        finality=rarely.map(lambda yes: Finality.PROVISIONAL if yes else Finality.FINAL),
        integrity=rarely.map(lambda yes: Integrity.PENDING if yes else Integrity.CLEAR),
        carried_over=rarely,
        occurred_at=instants,
        version=st.none() | st.integers(1, 3),
        modified_at=st.none() | instants,
    )


LATER = datetime(2024, 4, 15, tzinfo=UTC)
ANY_DAY = date(2024, 3, 1)
