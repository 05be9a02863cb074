# SPDX-License-Identifier: Apache-2.0
"""Weighted mean over all listed activities; one that is missing counts as nothing reached.

So a mean that demonstrates is already secured, whatever the missing activities bring.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from math import ceil, lcm

from services.assessment.domain.days import day_of
from services.assessment.domain.mastery.terms import Mastery, Terms, in_time
from services.assessment.domain.policy import Attempts
from services.assessment.domain.results import Result


def weighted_mean(terms: Terms, counting: Sequence[Result]) -> Mastery:
    """Conclude from one attempt of each activity, walking the days once in exact integers."""
    common = lcm(*[result.share.denominator for result in counting])
    scale = terms.total_weight * common
    goal = ceil(terms.policy.threshold * scale)
    walk = _Walk(terms.policy.attempts)
    achieved_on = None
    for day, results in groupby(
        sorted(counting, key=in_time), key=lambda result: day_of(result.occurred_at, terms.zone)
    ):
        for result in results:
            part = result.share
            points = terms.weights[result.activity] * part.numerator * (common // part.denominator)
            walk.take(result, points)
        if achieved_on is None and walk.reached >= goal:
            achieved_on = day
    demonstrated_on = achieved_on if walk.reached >= goal else None
    complete = len(walk.chosen) == len(terms.weights)
    grounds = tuple(result for result, _ in walk.chosen.values())
    return Mastery(Fraction(walk.reached, scale), demonstrated_on, complete, grounds)


class _Walk:
    """The attempts chosen so far, in time, and the points that they reach together."""

    def __init__(self, attempts: Attempts) -> None:
        self.chosen: dict[str, tuple[Result, int]] = {}
        self.reached = 0
        self._best = attempts is Attempts.HIGHEST

    def take(self, result: Result, points: int) -> None:
        """Take a result that occurred after those before, if it is the one to count."""
        held = self.chosen.get(result.activity)
        if held is None:
            self.reached += points
        elif self._best and points <= held[1]:
            return
        else:
            self.reached += points - held[1]
        self.chosen[result.activity] = result, points
