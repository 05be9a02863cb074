# SPDX-License-Identifier: Apache-2.0
"""What one unit knows of its learners, and where that is kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cairn.ids import LearnerId, TenantId
from chassis.database import Connection
from chassis.unit.writes import Writes
from services.recognition.domain.facts import Attainment, Award

LearnerKey = tuple[TenantId, LearnerId]
FactKey = tuple[TenantId, LearnerId, str]


@dataclass(slots=True)
class LearnerFacts:
    """What is known of one learner, and what of it the unit has changed."""

    attainments: dict[str, Attainment] = field(default_factory=dict)
    awards: dict[str, Award] = field(default_factory=dict)
    moved_attainments: set[str] = field(default_factory=set)
    moved_awards: set[str] = field(default_factory=set)


class LearnerStore(Protocol):
    """Where facts and awards are kept, within a unit's own transaction."""

    async def awards(
        self, connection: Connection, learners: Sequence[LearnerKey]
    ) -> Mapping[LearnerKey, LearnerFacts]:
        """Return each learner with all their awards and no attainment yet."""
        ...

    async def attainments(
        self, connection: Connection, wanted: Sequence[FactKey]
    ) -> Iterable[tuple[LearnerKey, Attainment]]:
        """Return the attainments of exactly these learners and competencies."""
        ...

    def save(self, writes: Writes, learners: Mapping[LearnerKey, LearnerFacts]) -> None:
        """Store what has moved."""
        ...
