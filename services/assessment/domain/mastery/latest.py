# SPDX-License-Identifier: Apache-2.0
"""Latest: the result that occurred last decides, better or worse than those before."""

from collections.abc import Sequence

from services.assessment.domain.days import day_of
from services.assessment.domain.mastery.terms import Mastery, Terms, in_time
from services.assessment.domain.results import Result


def latest(terms: Terms, counting: Sequence[Result]) -> Mastery:
    """Conclude from the last result, achieved on its day."""
    last = max(counting, key=in_time)
    demonstrates = last.share >= terms.policy.threshold
    achieved_on = day_of(last.occurred_at, terms.zone) if demonstrates else None
    return Mastery(last.share, achieved_on, complete=True, grounds=(last,))
