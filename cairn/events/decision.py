# SPDX-License-Identifier: Apache-2.0
"""The decision: a determination that changed something, with its grounds and explanation.

Carried by ``recognition.decisions.v1``.
"""

from datetime import date
from enum import StrEnum

from pydantic.dataclasses import dataclass

from cairn.amounts import Amount
from cairn.events.explanation import Allotment, Finding, RuleReference
from cairn.events.wire import FROM_WIRE, Instant, Revision, Slug
from cairn.ids import Learner, Tenant


class DecisionKind(StrEnum):
    """What the decision does to the award.

    ``proposed`` waits for the person or board that confers; ``referred`` puts a question to a
    person because the answer is unknown; ``reallotted`` says that a standing award now rests on
    other credits; ``withdrawn`` closes a proposal or a referral, or ends an award where a person
    or the rule in so many words says so.
    """

    PROPOSED = "proposed"
    REFERRED = "referred"
    CONFERRED = "conferred"
    REALLOTTED = "reallotted"
    UNDER_REVIEW = "under_review"
    UPHELD = "upheld"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class Credit:
    """An amount in a named credit system, at a level where the system has levels."""

    amount: Amount
    system: Slug
    level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class DecisionMade:
    """One change in the life of one award.

    ``grounds`` are the ids of all events that the determination follows from; ``revision`` counts
    the decisions of this learner and credential from 1. ``reason``, ``due_on`` and ``addressee``
    are present when a person has to act: on a proposal, a referral or a review.
    """

    tenant: Tenant
    learner: Learner
    decision_id: str
    credential: Slug
    title: str
    kind: DecisionKind
    rule: RuleReference
    explanation: Finding
    grounds: tuple[str, ...]
    credits: tuple[Credit, ...] = ()
    allotments: tuple[Allotment, ...] = ()
    effective_on: date
    reason: str = ""
    due_on: date | None = None
    addressee: str = ""
    revision: Revision
    supersedes: str | None = None
    as_of: Instant


type_of_decision = {"org.cairn.recognition.decision.made.v1": DecisionMade}
