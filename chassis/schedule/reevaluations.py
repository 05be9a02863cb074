# SPDX-License-Identifier: Apache-2.0
"""Publishing re-evaluations: always the same event for the same reason, so a repeat is a duplicate."""

from datetime import datetime

from cairn.events.catalogue import source_of, to_cloudevent
from cairn.events.reevaluation import DueReached, EpochRaised, Reevaluation
from cairn.events.wire import instant_text
from cairn.ids import LearnerId, TenantId, derived_id
from chassis.unit.due import Due
from chassis.unit.unit import Unit


def topic_of(service: str) -> str:
    """Return the topic on which a service publishes re-evaluations for itself."""
    return f"{service}.reevaluations.v1"


def due_reached(due: Due, setting: int) -> DueReached:
    """Return the re-evaluation of a timer; ``setting`` tells one setting of the same timer from another."""
    subject = f"due:{due.kind}:{due.ref}"
    return DueReached(
        tenant=due.tenant,
        learner=due.learner,
        reevaluation_id=derived_id(due.tenant, due.learner, subject, setting, [instant_text(due.at)]),
        kind=due.kind,
        ref=due.ref,
        as_of=due.at,
    )


def epoch_raised(tenant: TenantId, learner: LearnerId, epoch: int, as_of: datetime) -> EpochRaised:
    """Return the re-evaluation of a learner whom a publication can affect.

    A database that was restored to an earlier hour counts an epoch again: the instant tells the publications
    apart.
    """
    return EpochRaised(
        tenant=tenant,
        learner=learner,
        reevaluation_id=derived_id(tenant, learner, "epoch", epoch, [instant_text(as_of)]),
        epoch=epoch,
        as_of=as_of,
    )


def publish(unit: Unit, service: str, event: Reevaluation) -> None:
    """Publish a re-evaluation when the unit commits."""
    envelope = to_cloudevent(
        event,
        id=event.reevaluation_id,
        source=source_of(service, event.tenant),
        tenant=event.tenant,
        learner=event.learner,
        as_of=event.as_of,
    )
    unit.publish(topic_of(service), event.tenant, event.learner, envelope)
