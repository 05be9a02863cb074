# SPDX-License-Identifier: Apache-2.0
"""The facts that one batch folds over: what is stored of the learners and competencies it touches."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from cairn.ids import LearnerId, TenantId
from chassis.database import Connection
from chassis.unit.writes import Writes
from services.assessment.domain.change import Emitted, Subject
from services.assessment.domain.results import Result, Retraction

LearnerKey: TypeAlias = tuple[TenantId, LearnerId]


@dataclass(slots=True)
class Facts:
    """What is known of the batch's learners, growing record by record."""

    results: dict[LearnerKey, dict[str, list[Result]]] = field(default_factory=dict)
    """Learner → activity → results."""
    retractions: dict[LearnerKey, list[Retraction]] = field(default_factory=dict)
    emitted: dict[Subject, Emitted] = field(default_factory=dict)
    epochs: dict[Subject, int] = field(default_factory=dict)
    """The rule epoch under which what was last published was concluded."""
    _known: set[tuple[LearnerKey, str]] = field(default_factory=set)

    def add_result(self, key: LearnerKey, result: Result) -> bool:
        """Add an accepted result; False where it is known already, whatever the inbox still remembers."""
        if (one := (key, result.result_id)) in self._known:
            return False
        self._known.add(one)
        self.results.setdefault(key, {}).setdefault(result.activity, []).append(result)
        return True

    def add_retraction(self, key: LearnerKey, retraction: Retraction) -> bool:
        """Add an accepted retraction; False where it is known already."""
        known = self.retractions.setdefault(key, [])
        if retraction in known:
            return False
        known.append(retraction)
        return True

    def of(self, key: LearnerKey, activities: Iterable[str]) -> list[Result]:
        """Return a learner's results of some activities."""
        known = self.results.get(key, {})
        return [result for activity in activities for result in known.get(activity, ())]


class FactStore(Protocol):
    """Where accepted results, retractions and published attainments are kept."""

    async def activities_of(
        self, connection: Connection, wanted: Sequence[tuple[LearnerKey, str]]
    ) -> Mapping[tuple[LearnerKey, str], str]:
        """Return the activities of those learners' results that are stored, by result id."""
        ...

    async def load(self, connection: Connection, subjects: Sequence[Subject]) -> Facts:
        """Load the results, retractions and last emissions of exactly these subjects."""
        ...

    def add_retractions(self, writes: Writes, retractions: Sequence[tuple[LearnerKey, Retraction]]) -> None:
        """Store accepted retractions."""
        ...

    def store(
        self,
        writes: Writes,
        results: Sequence[tuple[LearnerKey, Result]],
        changed: Mapping[Subject, tuple[Emitted, int]],
    ) -> None:
        """Store accepted results, and what was last published with the rule epoch of its conclusion."""
        ...
