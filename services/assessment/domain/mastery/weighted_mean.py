# SPDX-License-Identifier: Apache-2.0
"""Weighted mean over all listed activities; one that is missing counts as nothing reached.

So a mean that demonstrates is already secured, whatever the missing activities bring.
"""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from math import lcm

from services.assessment.domain.days import day_of
from services.assessment.domain.mastery.terms import Mastery, Terms, in_time
from services.assessment.domain.policy import Attempts
from services.assessment.domain.results import Result

Points = list[tuple[Result, int]]


def weighted_mean(terms: Terms, counting: Sequence[Result]) -> Mastery:
    """Conclude from one attempt of each activity, walking the results once in exact integers."""
    ordered = [(result, result.share) for result in sorted(counting, key=in_time)]
    common = lcm(*[part.denominator for _, part in ordered])
    scale = terms.total_weight * common
    points = [
        (result, terms.weights[result.activity] * part.numerator * (common // part.denominator))
        for result, part in ordered
    ]
    threshold = terms.policy.threshold
    walk = _Walk(terms, -(-threshold.numerator * scale // threshold.denominator))  # rounded up
    walk.through(points)
    complete = len(walk.chosen) == len(terms.weights)
    grounds = tuple(result for result, _ in walk.chosen.values())
    return Mastery(Fraction(walk.reached, scale), walk.achieved_on, complete, grounds)


class _Walk:
    """The attempts chosen so far, in time, the points that they reach, and the day they reached the goal."""

    def __init__(self, terms: Terms, goal: int) -> None:
        self.chosen: dict[str, tuple[Result, int]] = {}
        self.reached = 0
        self.achieved_on: date | None = None
        self._zone = terms.zone
        self._goal = goal
        self._best = terms.policy.attempts is Attempts.HIGHEST

    def through(self, points: Points) -> None:
        """Take all results in the order of time."""
        for number, (result, worth) in enumerate(points):
            self._take(result, worth)
            if self.achieved_on is None and self.reached >= self._goal:
                self._note(points, number)
        if self.reached < self._goal:
            self.achieved_on = None

    def _take(self, result: Result, worth: int) -> None:
        _, held = self.chosen.get(result.activity, (None, None))
        if held is None:
            self.reached += worth
        elif self._best and worth <= held:
            return
        else:
            self.reached += worth - held
        self.chosen[result.activity] = result, worth

    def _note(self, points: Points, number: int) -> None:
        # A day counts as it ends: a later attempt of the same day may lower what an earlier one reached.
        day = day_of(points[number][0].occurred_at, self._zone)
        following = points[number + 1][0].occurred_at if number + 1 < len(points) else None
        if following is None or day_of(following, self._zone) != day:
            self.achieved_on = day
