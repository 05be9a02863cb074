# SPDX-License-Identifier: Apache-2.0
"""The closed list of topics: who writes each, who reads it, what it carries and how long.

``cleanup.policy`` is delete everywhere. The number of partitions is one number for all topics of
an installation, because it decides who owns a learner: it is fixed when a topic is made.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal

from cairn.events.attainment import type_of_attainment
from cairn.events.decision import type_of_decision
from cairn.events.entry import type_of_entry
from cairn.events.fact import type_of_fact
from cairn.events.native import type_of_native
from cairn.events.reevaluation import type_of_reevaluation
from cairn.events.result import type_of_result

DEFAULT_PARTITIONS = 6
DEAD_LETTERS = ".dlq"

Writer = Literal["platform", "assessment", "recognition", "records"]

# Shorter than the 35 days for which an inbox remembers a record (design section 4).
_INTERNAL = timedelta(days=28)
# It holds what platforms send, identifiers of persons included: as short as an outage may last.
_INGEST = timedelta(days=14)
_DEAD_LETTERS = timedelta(days=90)
# A dead letter is the largest record that the broker takes, and its reason in added headers.
_LARGEST_DEAD_LETTER = 2 * 1024 * 1024

_source = re.compile(r"[a-z0-9]([a-z0-9._-]{0,126}[a-z0-9])?\Z")


class KeyRule(StrEnum):
    """What a record's key must be."""

    LEARNER = "learner"
    """``<tenant>/<learner>``, both opaque, in UTF-8: everything about one learner is in order."""
    ANY = "any"
    """Whatever the platform likes; nothing is concluded from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic; ``models`` maps each event type that it carries to its model."""

    name: str
    summary: str
    writer: Writer
    readers: tuple[Writer, ...]
    models: Mapping[str, Any] = field(default_factory=dict, hash=False)
    retention: timedelta = _INTERNAL
    key: KeyRule = KeyRule.LEARNER
    largest_record: int | None = None

    @property
    def has_dead_letters(self) -> bool:
        """Whether somebody consumes it and so may have to put a record aside."""
        return bool(self.readers)

    @property
    def config(self) -> dict[str, str]:
        """The topic's configuration on a broker, as Kafka writes it."""
        wanted = {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention // timedelta(milliseconds=1)),
        }
        if self.largest_record is not None:
            wanted["max.message.bytes"] = str(self.largest_record)
        return wanted


RESULTS = Topic(
    name="assessment.results.v1",
    summary="Canonical assessment results, regrades and retractions.",
    writer="assessment",
    readers=("assessment",),
    models=type_of_result,
)
COMPETENCY_EVENTS = Topic(
    name="competency.events.v1",
    summary="Changes of a learner's attainment in one competency.",
    writer="assessment",
    readers=("recognition",),
    models=type_of_attainment,
)
LEARNER_FACTS = Topic(
    name="learner.facts.v1",
    summary="Enrolments, identifiers and prior entries of learners, and what links or erases them.",
    writer="records",
    readers=("assessment", "recognition"),
    models=type_of_fact,
)
DECISIONS = Topic(
    name="recognition.decisions.v1",
    summary="Determinations that changed something.",
    writer="recognition",
    readers=("records",),
    models=type_of_decision,
)
ASSESSMENT_REEVALUATIONS = Topic(
    name="assessment.reevaluations.v1",
    summary="Work of assessment for itself: bring a learner up to an epoch or a due instant.",
    writer="assessment",
    readers=("assessment",),
    models=type_of_reevaluation,
)
RECOGNITION_REEVALUATIONS = Topic(
    name="recognition.reevaluations.v1",
    summary="Work of recognition for itself: bring a learner up to an epoch or a due instant.",
    writer="recognition",
    readers=("recognition",),
    models=type_of_reevaluation,
)
ENTRIES = Topic(
    name="records.entries.v1",
    summary="What the record now says, without personal data.",
    writer="records",
    readers=(),
    models=type_of_entry,
)
INTERNAL = (
    RESULTS,
    COMPETENCY_EVENTS,
    LEARNER_FACTS,
    DECISIONS,
    ASSESSMENT_REEVALUATIONS,
    RECOGNITION_REEVALUATIONS,
    ENTRIES,
)


def ingest_topic(source: str) -> Topic:
    """Return the topic on which one configured platform publishes.

    Raises ValueError for a source name that cannot be part of a topic's name.
    """
    if not _source.match(source):
        message = "a source name is lower-case letters and digits, with . _ - inside"
        raise ValueError(message)
    return Topic(
        name=f"ingest.{source}.v1",
        summary="Assessment results as one platform publishes them.",
        writer="platform",
        readers=("assessment",),
        models=type_of_native,
        retention=_INGEST,
        key=KeyRule.ANY,
    )


def dead_letters_of(topic: Topic) -> Topic:
    """Return the topic of what a topic's readers put aside, in partitions of the same numbers."""
    return replace(
        topic,
        name=topic.name + DEAD_LETTERS,
        summary=f"What the readers of {topic.name} put aside, each with its reason.",
        writer=topic.readers[0],
        readers=(),
        models={},
        retention=_DEAD_LETTERS,
        largest_record=_LARGEST_DEAD_LETTER,
    )


def all_topics(sources: Iterable[str]) -> tuple[Topic, ...]:
    """Return every topic of an installation with these platforms, dead letters included, by name."""
    topics = (*INTERNAL, *(ingest_topic(source) for source in set(sources)))
    aside = (dead_letters_of(topic) for topic in topics if topic.has_dead_letters)
    return tuple(sorted((*topics, *aside), key=lambda topic: topic.name))
