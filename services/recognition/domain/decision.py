# SPDX-License-Identifier: Apache-2.0
"""The decision as it is published: its id, grounds and reason, and who has to act by when."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cairn.events.decision import DecisionKind, DecisionMade
from cairn.events.explanation import Allotment, Answer, Finding
from cairn.ids import LearnerId, TenantId, derived_id
from services.recognition.domain.effective import EffectiveRule
from services.recognition.domain.explain import grounds_of
from services.recognition.domain.facts import Award
from services.recognition.domain.life import reason_of

_TO_A_PERSON = frozenset((DecisionKind.PROPOSED, DecisionKind.REFERRED, DecisionKind.UNDER_REVIEW))


@dataclass(frozen=True, slots=True)
class Occasion:
    """Whom and when an evaluation is about; ``day`` is the day of ``as_of`` in the tenant's time zone."""

    tenant: TenantId
    learner: LearnerId
    as_of: datetime
    day: date
    epoch: int


@dataclass(frozen=True, slots=True)
class Determined:
    """What one rule concluded, and the day from which the decision takes effect."""

    rule: EffectiveRule
    answer: Answer
    explanation: Finding
    allotments: tuple[Allotment, ...]
    effective_on: date


def make_decision(
    occasion: Occasion, determined: Determined, kind: DecisionKind, before: Award | None
) -> DecisionMade:
    """Write a decision; its id follows from whom, what and the grounds, and from nothing else."""
    rule = determined.rule
    grounds = sorted(grounds_of(determined.explanation))
    revision = 1 if before is None else before.revision + 1
    name = f"award:{rule.credential}"
    reason = reason_of(kind, determined.answer)
    review = rule.rule.review
    addressee = rule.rule.credential.addressee if kind is DecisionKind.PROPOSED else review.addressee
    return DecisionMade(
        tenant=occasion.tenant,
        learner=occasion.learner,
        decision_id=derived_id(occasion.tenant, occasion.learner, name, revision, grounds),
        credential=rule.credential,
        title=rule.rule.credential.title,
        kind=kind,
        rule=rule.reference,
        explanation=determined.explanation,
        grounds=tuple(grounds),
        credits=rule.credits,
        allotments=determined.allotments,
        effective_on=determined.effective_on,
        reason="" if reason is None else reason.value,
        due_on=occasion.day + timedelta(days=review.due_in_days) if kind in _TO_A_PERSON else None,
        addressee=addressee if kind in _TO_A_PERSON else "",
        revision=revision,
        supersedes=None if before is None else before.decision_id,
        as_of=occasion.as_of,
    )
