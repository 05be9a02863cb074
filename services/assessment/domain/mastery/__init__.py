# SPDX-License-Identifier: Apache-2.0
"""The methods of mastery, one module each: counting results in, a score with its grounds out."""

from collections.abc import Sequence
from typing import assert_never

from services.assessment.domain.mastery.highest import highest
from services.assessment.domain.mastery.latest import latest
from services.assessment.domain.mastery.terms import Mastery, Terms
from services.assessment.domain.mastery.weighted_mean import weighted_mean
from services.assessment.domain.policy import Method
from services.assessment.domain.results import Result

__all__ = ["Mastery", "Terms", "mastery"]


def mastery(terms: Terms, counting: Sequence[Result]) -> Mastery:
    """Conclude by the policy's method from at least one counting result."""
    match terms.policy.method:
        case Method.HIGHEST:
            return highest(terms, counting)
        case Method.LATEST:
            return latest(terms, counting)
        case Method.WEIGHTED_MEAN:
            return weighted_mean(terms, counting)
        case _ as never:
            assert_never(never)
