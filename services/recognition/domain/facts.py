# SPDX-License-Identifier: Apache-2.0
"""What a rule may read about one learner: attainments, and awards with their standing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from cairn.events.attainment import AttainmentStatus
from cairn.events.decision import Credit
from cairn.events.explanation import Allotment, Answer, RuleReference


class AwardState(StrEnum):
    """Where an award stands in its life."""

    PROPOSED = "proposed"
    REFERRED = "referred"
    CONFERRED = "conferred"
    UNDER_REVIEW = "under_review"
    UPHELD = "upheld"
    WITHDRAWN = "withdrawn"


class Standing(StrEnum):
    """What an award is worth to a rule that asks for it.

    Under review or referred to a person, it is neither there nor absent: it counts as unknown.
    """

    HELD = "held"
    UNCERTAIN = "uncertain"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Attainment:
    """The latest attainment event of one competency."""

    competency: str
    status: AttainmentStatus
    score: Decimal | None
    achieved_on: date | None
    event_id: str
    revision: int


@dataclass(frozen=True, slots=True)
class Award:
    """One credential for one learner: its last decision, and what was determined last.

    ``rule``, ``answer``, ``credits`` and ``allotments`` are of the last determination, made under
    ``epoch``; ``revision`` and ``decision_id`` are of the last decision, and ``effective_on`` is the
    day from which the award counts.
    """

    credential: str
    state: AwardState
    answer: Answer
    revision: int
    decision_id: str
    rule: RuleReference
    epoch: int
    credits: tuple[Credit, ...]
    allotments: tuple[Allotment, ...]
    effective_on: date

    @property
    def standing(self) -> Standing:
        """What this award is worth to other rules."""
        match self.state:
            case AwardState.CONFERRED | AwardState.UPHELD:
                return Standing.HELD
            case AwardState.UNDER_REVIEW | AwardState.REFERRED:
                return Standing.UNCERTAIN
            case AwardState.PROPOSED | AwardState.WITHDRAWN:
                return Standing.NONE


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything known of one learner that a rule may read, by competency and by credential."""

    attainments: Mapping[str, Attainment]
    awards: Mapping[str, Award]
