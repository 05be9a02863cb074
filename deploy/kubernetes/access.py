# SPDX-License-Identifier: Apache-2.0
"""What each process asks of Kafka, as the code of the services has it: topics, and the group it consumes in.

A consumer writes nothing to Kafka and a relay reads nothing there: what a service publishes goes through its
outbox, whoever of its processes wrote it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cairn.topics.catalogue import DEAD_LETTERS
from chassis.schedule.reevaluations import topic_of
from services.assessment.adapters.ingest_letters import CONSUMER as INTAKE
from services.assessment.app.concluding import COMPETENCY_EVENTS
from services.assessment.app.intake import RESULTS
from services.assessment.app.results import Results
from services.assessment.app.sources import Sources
from services.recognition.app.attainments import DECISIONS, FollowAttainments
from services.records.app.ledger import ENTRIES, RecordDecisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What one process may do: consume topics in a group, publish to topics, ask what topics are like."""

    process: str
    consumes: frozenset[str] = frozenset()
    group: str | None = None
    publishes: frozenset[str] = frozenset()
    looks_at: frozenset[str] = frozenset()


def accesses(sources: Sources) -> tuple[Access, ...]:
    """Return the access of every process that asks Kafka anything, by its name."""
    ingest = frozenset(source.topic for source in sources)
    consumers = {
        "assessment": (
            _consumer("assessment-intake", INTAKE, ingest, RESULTS),
            _consumer("assessment-results", Results.consumer, Results.topics, COMPETENCY_EVENTS),
        ),
        "recognition": (
            _consumer("recognition-consume", FollowAttainments.consumer, FollowAttainments.topics, DECISIONS),
        ),
        "records": (_consumer("records-consume", RecordDecisions.consumer, RecordDecisions.topics, ENTRIES),),
    }
    # What the schedule of records does it does in its database alone.
    schedules = tuple(
        Access(process=f"{service}-schedule", looks_at=frozenset({topic_of(service)}))
        for service in ("assessment", "recognition")
    )
    door = Access(process="assessment-serve", looks_at=frozenset({RESULTS}))
    relays = tuple(_relay(service, parts, schedules) for service, parts in consumers.items())
    consuming = (part for parts in consumers.values() for part in parts)
    return tuple(sorted((door, *consuming, *relays, *schedules), key=lambda access: access.process))


def _consumer(process: str, group: str, topics: Iterable[str], publishes: str) -> Access:
    consumed = frozenset(topics)
    aside = frozenset(f"{topic}{DEAD_LETTERS}" for topic in consumed)
    return Access(
        process=process, consumes=consumed, group=group, looks_at=consumed | aside | frozenset({publishes})
    )


def _relay(service: str, consumers: Iterable[Access], schedules: Iterable[Access]) -> Access:
    """Return the access of a service's relay: whatever its other processes put into the outbox."""
    put = frozenset().union(*(each.looks_at - each.consumes for each in consumers))
    told = frozenset().union(*(each.looks_at for each in schedules if each.process.startswith(service)))
    return Access(process=f"{service}-relay", publishes=put | told)
