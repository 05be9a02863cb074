# SPDX-License-Identifier: Apache-2.0
"""Whether a conclusion says anything new, and the competency event that says it."""

from datetime import datetime
from typing import NamedTuple

from cairn.events.attainment import AttainmentChanged, AttainmentStatus
from cairn.ids import LearnerId, TenantId, derived_id
from services.assessment.domain.attainment import Attainment, Conclusion
from services.assessment.domain.mastery import Terms


class Emitted(NamedTuple):
    """What was last published of one learner and competency."""

    attainment: Attainment
    revision: int
    event_id: str


class Subject(NamedTuple):
    """Whose attainment in which competency."""

    tenant: TenantId
    learner: LearnerId
    competency: str


def change(
    subject: Subject, terms: Terms, last: Emitted | None, now: Conclusion | None, as_of: datetime
) -> AttainmentChanged | None:
    """Return the event that brings what was last published up to now, or None where it already says so.

    Where nothing is concluded any more after something was published, the attainment is withdrawn.
    """
    if now is None and last is not None:
        now = Conclusion(Attainment(status=AttainmentStatus.WITHDRAWN, policy=terms.reference), ())
    if now is None or (last is not None and last.attainment == now.attainment):
        return None
    return _event(subject, last, now, as_of)


def emitted(event: AttainmentChanged) -> Emitted:
    """Return what an event leaves as last published."""
    attainment = Attainment(
        status=event.status,
        score=event.score,
        band=event.band,
        scheme=event.scheme,
        achieved_on=event.achieved_on,
        valid_until=event.valid_until,
        policy=event.policy,
    )
    return Emitted(attainment, event.revision, event.event_id)


def _event(subject: Subject, last: Emitted | None, now: Conclusion, as_of: datetime) -> AttainmentChanged:
    revision = 1 if last is None else last.revision + 1
    about = f"attainment:{subject.competency}"
    event_id = derived_id(subject.tenant, subject.learner, about, revision, now.grounds)
    attainment = now.attainment
    return AttainmentChanged(
        tenant=subject.tenant,
        learner=subject.learner,
        event_id=event_id,
        competency=subject.competency,
        status=attainment.status,
        score=attainment.score,
        band=attainment.band,
        scheme=attainment.scheme,
        achieved_on=attainment.achieved_on,
        valid_until=attainment.valid_until,
        policy=attainment.policy,
        result_ids=now.grounds,
        revision=revision,
        supersedes=None if last is None else last.event_id,
        as_of=as_of,
    )
