# SPDX-License-Identifier: Apache-2.0
"""What a learner's accepted results and retractions amount to, whatever order they came in (I4).

Active are the results that no accepted retraction of the same learner names. Of one attempt at one
activity a later version supersedes an earlier one; those that nothing orders and that say the same
count once; those that nothing orders and that differ are a conflict, which a person decides.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from cairn.events.result import Finality, Integrity, Outcome
from cairn.ids import LearnerId, TenantId, derived_id
from services.assessment.domain.shares import share


class Result(NamedTuple):
    """An accepted result as the fold sees it; ``score`` is raw, min and max.

    A named tuple, because every fold loads all of a learner's results of the competency.
    """

    result_id: str
    activity: str
    attempt: int
    score: tuple[Decimal, Decimal, Decimal] | None
    outcome: Outcome
    finality: Finality
    integrity: Integrity
    carried_over: bool
    occurred_at: datetime
    version: int | None
    modified_at: datetime | None

    @property
    def share(self) -> Fraction:
        """The share of its scale that the score reaches; only a result with a score has one."""
        if self.score is None:
            message = "a result without a score has no share"
            raise ValueError(message)
        return share(*self.score)


@dataclass(frozen=True, slots=True)
class Retraction:
    """An accepted retraction and the result id that it names."""

    result_id: str
    retracts: str


class Standing(NamedTuple):
    """What is left of a set of accepted results.

    ``current`` are the active results that nothing supersedes, each content once; ``conflicting``
    are those of them that contradict one another; ``retracted`` are the results that were taken
    back. The order within each says nothing.
    """

    current: tuple[Result, ...]
    conflicting: tuple[Result, ...]
    retracted: tuple[Result, ...]


def result_id(tenant: TenantId, source: str, source_event_id: str) -> str:
    """Return the id of the result that a source published under an event id."""
    return derived_id(tenant, LearnerId(""), f"result:{source}", 0, (source_event_id,))


def standing(results: Iterable[Result], retracted: Collection[str]) -> Standing:
    """Resolve retractions, versions, repeats and conflicts of a set of accepted results."""
    attempts: dict[tuple[str, int], list[Result]] = {}
    taken_back = []
    for result in results:
        if result.result_id in retracted:
            taken_back.append(result)
        else:
            attempts.setdefault((result.activity, result.attempt), []).append(result)
    current: list[Result] = []
    conflicting: list[Result] = []
    for candidates in attempts.values():
        left = candidates if len(candidates) == 1 else _distinct(_unsuperseded(candidates))
        current += left
        conflicting += left if len(left) > 1 else []
    return Standing(tuple(current), tuple(conflicting), tuple(taken_back))


def supersedes(later: Result, earlier: Result) -> bool:
    """Tell whether the platform's own version or modification time puts one result after the other."""
    if later.version is not None and earlier.version is not None:
        return later.version > earlier.version
    if later.version is not None or earlier.version is not None:
        return False
    if later.modified_at is None or earlier.modified_at is None:
        return False
    return later.modified_at > earlier.modified_at


def _unsuperseded(candidates: list[Result]) -> list[Result]:
    return [one for one in candidates if not any(supersedes(other, one) for other in candidates)]


def _distinct(candidates: list[Result]) -> list[Result]:
    least: dict[object, Result] = {}
    for result in sorted(candidates, key=lambda result: result.result_id):
        least.setdefault(_content(result), result)
    return list(least.values())


def _content(result: Result) -> object:
    return (
        result.score,
        result.outcome,
        result.finality,
        result.integrity,
        result.occurred_at,
        result.carried_over,
    )
