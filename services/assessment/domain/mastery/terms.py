# SPDX-License-Identifier: Apache-2.0
"""A published policy version made ready for the fold, and what a method concludes under it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from fractions import Fraction
from typing import NamedTuple

from cairn.events.attainment import PolicyReference
from services.assessment.domain.days import day_of
from services.assessment.domain.policy import Policy
from services.assessment.domain.results import Result
from services.assessment.domain.shares import whole_weights


@dataclass(frozen=True, slots=True)
class Terms:
    """One policy version with its hash, its weights as whole numbers, and the tenant's time zone."""

    policy: Policy
    reference: PolicyReference
    zone: tzinfo
    weights: Mapping[str, int]
    total_weight: int

    def in_force(self, day: date) -> bool:
        """Tell whether the version holds on a day; the day of ``effective_to`` is past it."""
        begins, ends = self.policy.effective_from, self.policy.effective_to
        return (begins is None or begins <= day) and (ends is None or day < ends)


class Mastery(NamedTuple):
    """What counting results amount to.

    ``achieved_on`` is the earliest day by which they demonstrated, None where they do not;
    ``complete`` says that no listed activity is missing; ``grounds`` are the results it rests on.
    """

    score: Fraction
    achieved_on: date | None
    complete: bool
    grounds: tuple[Result, ...]


def terms_of(policy: Policy, reference: PolicyReference, zone: tzinfo) -> Terms:
    """Make a policy ready for the fold."""
    whole = whole_weights(counted.weight for counted in policy.activities)
    listed = (counted.activity for counted in policy.activities)
    return Terms(policy, reference, zone, dict(zip(listed, whole, strict=True)), sum(whole))


def terms_at(versions: tuple[Terms, ...], as_of: datetime) -> Terms | None:
    """Return the highest of a tenant's versions that is in force on the day of ``as_of``, if one is."""
    if not versions:
        return None
    day = day_of(as_of, versions[0].zone)
    holding = [terms for terms in versions if terms.in_force(day)]
    return max(holding, key=lambda terms: terms.policy.version, default=None)


def in_time(result: Result) -> tuple[datetime, int, str]:
    """Order results by when they occurred, then by attempt, then by id: never by arrival."""
    return result.occurred_at, result.attempt, result.result_id
