# SPDX-License-Identifier: Apache-2.0
"""Concludes one attainment within a batch: publishes what is new, and sets the timer of its last day."""

from datetime import datetime

from cairn.events.attainment import AttainmentChanged, AttainmentStatus
from cairn.events.catalogue import source_of, to_cloudevent
from chassis.unit.due import Due
from chassis.unit.unit import Unit
from services.assessment.app.folding import Fold
from services.assessment.app.policies_in_force import PoliciesInForce
from services.assessment.app.timers import LAPSE, FiringTimers
from services.assessment.domain.attainment import Attainment, conclude
from services.assessment.domain.change import Subject, change, emitted
from services.assessment.domain.days import end_of
from services.assessment.domain.mastery import Terms

COMPETENCY_EVENTS = "competency.events.v1"


def lapse(policies: PoliciesInForce, work: Fold, due: Due) -> None:
    """Conclude anew as of the end of a last day: it was told, and ends also where no version is in force."""
    subject = Subject(due.tenant, due.learner, due.ref)
    last = work.facts.emitted.get(subject)
    if last is None:
        return
    concluded_under = policies.version(due.ref, last.attainment.policy)
    terms = policies.terms(due.ref, due.at) or concluded_under
    if terms is None or conclude_under(terms, work, subject, due.at, None):
        return
    # The tenant's day ends later than it did when the timer was set.
    _set_timer(work.timers, subject, terms, last.attainment)


def conclude_under(terms: Terms, work: Fold, subject: Subject, as_of: datetime, trace: str | None) -> bool:
    """Conclude under one policy version and publish what is new; tell whether anything is."""
    key = subject.tenant, subject.learner
    results = work.facts.of(key, terms.weights)
    now = conclude(terms, results, work.facts.retractions.get(key, ()), as_of)
    event = change(subject, terms, work.facts.emitted.get(subject), now, as_of)
    if event is None:
        return False
    _publish(work.unit, event, trace)
    last = emitted(event)
    work.keep(subject, last)
    _set_timer(work.timers, subject, terms, last.attainment)
    return True


def _publish(unit: Unit, event: AttainmentChanged, traceparent: str | None) -> None:
    envelope = to_cloudevent(
        event,
        id=event.event_id,
        source=source_of("assessment", event.tenant),
        tenant=event.tenant,
        learner=event.learner,
        as_of=event.as_of,
        traceparent=traceparent,
    )
    unit.publish(COMPETENCY_EVENTS, event.tenant, event.learner, envelope)


def _set_timer(timers: FiringTimers, subject: Subject, terms: Terms, attainment: Attainment) -> None:
    timers.cancel(subject)
    if attainment.status is AttainmentStatus.DEMONSTRATED and attainment.valid_until is not None:
        at = end_of(attainment.valid_until, terms.zone)
        timers.set(Due(at, LAPSE, subject.competency, subject.tenant, subject.learner))
