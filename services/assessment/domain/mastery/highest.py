# SPDX-License-Identifier: Apache-2.0
"""Highest: the best counting result decides."""

from collections.abc import Sequence

from services.assessment.domain.days import day_of
from services.assessment.domain.mastery.terms import Mastery, Terms, in_time
from services.assessment.domain.results import Result


def highest(terms: Terms, counting: Sequence[Result]) -> Mastery:
    """Conclude from the best result, achieved on the day of the first that reaches the threshold."""
    ordered = sorted(counting, key=in_time)
    best = max(ordered, key=lambda result: result.share)
    first = next((result for result in ordered if result.share >= terms.policy.threshold), None)
    if first is None:
        return Mastery(best.share, None, complete=True, grounds=(best,))
    grounds = (best,) if first is best else (first, best)
    return Mastery(best.share, day_of(first.occurred_at, terms.zone), complete=True, grounds=grounds)
