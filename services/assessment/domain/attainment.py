# SPDX-License-Identifier: Apache-2.0
"""The attainment: what a policy version concludes from a set of facts as of an instant.

It is a function of the set of accepted results and retractions, whatever order they came in (I4);
``as_of`` decides nothing but whether the conclusion has lapsed.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from cairn.amounts import wire_score
from cairn.events.attainment import AttainmentStatus, PolicyReference
from cairn.events.result import Finality, Integrity
from services.assessment.domain.days import day_of, months_after
from services.assessment.domain.mastery import Mastery, Terms, mastery
from services.assessment.domain.policy import Exclusion, Policy
from services.assessment.domain.results import Result, Retraction, Standing, standing


class Attainment(NamedTuple):
    """What the policy concludes; two that are equal give no event."""

    status: AttainmentStatus
    policy: PolicyReference
    score: Decimal | None = None
    band: str | None = None
    scheme: str | None = None
    achieved_on: date | None = None
    valid_until: date | None = None


class Conclusion(NamedTuple):
    """An attainment and the ids of the facts that it rests on, sorted."""

    attainment: Attainment
    grounds: tuple[str, ...]


def conclude(
    terms: Terms, results: Iterable[Result], retractions: Sequence[Retraction], as_of: datetime
) -> Conclusion | None:
    """Conclude from all accepted facts; None where no result of a listed activity has ever counted."""
    listed = [result for result in results if result.activity in terms.weights]
    left = standing(listed, {retraction.retracts for retraction in retractions})
    if left.conflicting:
        return _conclusion(
            Attainment(status=AttainmentStatus.UNKNOWN, policy=terms.reference), left.conflicting
        )
    counting = [result for result in left.current if counts(terms.policy, result)]
    if counting:
        concluded = mastery(terms, counting)
        return _conclusion(_concluded(terms, concluded, as_of), concluded.grounds)
    return _withdrawn(terms, listed, left, retractions)


def counts(policy: Policy, result: Result) -> bool:
    """Tell whether a result may count at all: final, of clear integrity, scored, and not excluded."""
    return (
        result.finality is Finality.FINAL
        and result.integrity is Integrity.CLEAR
        and result.score is not None
        and not (result.carried_over and Exclusion.CARRIED_OVER in policy.exclude)
    )


def _concluded(terms: Terms, concluded: Mastery, as_of: datetime) -> Attainment:
    if concluded.achieved_on is not None:
        return _demonstrated(terms, concluded, concluded.achieved_on, as_of)
    if not concluded.complete:
        return Attainment(status=AttainmentStatus.PARTIALLY_ATTEMPTED, policy=terms.reference)
    return _scored(terms, concluded, AttainmentStatus.ATTEMPTED_NOT_DEMONSTRATED, None, None)


def _demonstrated(terms: Terms, concluded: Mastery, achieved_on: date, as_of: datetime) -> Attainment:
    months = terms.policy.valid_for_months
    valid_until = None if months is None else months_after(achieved_on, months)
    if valid_until is not None and day_of(as_of, terms.zone) > valid_until:
        return Attainment(
            status=AttainmentStatus.LAPSED,
            achieved_on=achieved_on,
            valid_until=valid_until,
            policy=terms.reference,
        )
    return _scored(terms, concluded, AttainmentStatus.DEMONSTRATED, achieved_on, valid_until)


def _scored(
    terms: Terms,
    concluded: Mastery,
    status: AttainmentStatus,
    achieved_on: date | None,
    valid_until: date | None,
) -> Attainment:
    bands = terms.policy.bands
    band = None if bands is None else bands.reached(concluded.score)
    return Attainment(
        status=status,
        score=wire_score(concluded.score),
        band=band,
        scheme=bands.scheme if bands is not None and band is not None else None,
        achieved_on=achieved_on,
        valid_until=valid_until,
        policy=terms.reference,
    )


def _withdrawn(
    terms: Terms, listed: Sequence[Result], left: Standing, retractions: Sequence[Retraction]
) -> Conclusion | None:
    # Asked of the set and not of history: a result that would count by itself makes the answer
    # withdrawn also when its retraction came first.
    once = [result for result in listed if counts(terms.policy, result)]
    if not once:
        return None
    taken_back = {result.result_id for result in left.retracted}
    named = [retraction for retraction in retractions if retraction.retracts in taken_back]
    attainment = Attainment(status=AttainmentStatus.WITHDRAWN, policy=terms.reference)
    return _conclusion(attainment, [*once, *left.current, *named])


def _conclusion(attainment: Attainment, grounds: Iterable[Result | Retraction]) -> Conclusion:
    return Conclusion(attainment, tuple(sorted({fact.result_id for fact in grounds})))
