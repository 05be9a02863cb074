# SPDX-License-Identifier: Apache-2.0
"""What passes through the model: events, records, dead letters, and rows of an outbox."""

from enum import StrEnum
from typing import NamedTuple, TypeAlias

from chassis.streams.message import Partition
from chassis.unit.fence import Outcome

Digest: TypeAlias = tuple[str, int, int]

LEARNERS = ("ada", "ben")
NUMBERS = 2
"""How many partitions a topic keyed by learner has."""


class Event(NamedTuple):
    """A fact, which has no revision, or a change that follows from one."""

    id: str
    learner: str
    content: int
    revision: int = 0

    @property
    def digest(self) -> Digest:
        """What tells two contents under one id apart."""
        return self.learner, self.content, self.revision


class Letter(NamedTuple):
    """A dead letter: which record it is about, and why."""

    at: Partition
    offset: int
    reason: str


Value: TypeAlias = Event | Letter | None
"""What a record carries; None where nobody can decode it."""


class Record(NamedTuple):
    """One record as the broker gives it."""

    at: Partition
    offset: int
    value: Value


class Outgoing(NamedTuple):
    """One row of an outbox."""

    at: Partition
    value: Event | Letter


class State(NamedTuple):
    """What a stage knows of a learner; ``known`` is the last revision it has taken in."""

    revision: int = 0
    value: int = 0
    known: int = 0


class Folded(NamedTuple):
    """What one event does to a learner."""

    state: State
    outcome: Outcome
    change: Event | None = None


class Defect(StrEnum):
    """A defect that may be planted in the protocol; each breaks one rule of design section 4."""

    NONE = "none"
    ACKNOWLEDGE_BEFORE_COMMIT = "Kafka hears of progress that the database may never hold"
    ADVANCE_BEFORE_COMMIT = "progress moves in a transaction before that of the effects"
    MARK_BEFORE_PUBLISH = "the relay deletes a row before it has sent it"
    NO_INBOX = "whatever arrives is new"
    NO_FENCE = "a unit neither compares nor heeds the stored progress"
    ADOPTED_PROGRESS = "an owner goes on at its own position after another has moved the row"
    NO_LEARNER_LOCK = "two units may work on one learner"
    CONFLICT_OVERWRITES = "other content under a known id takes the place of the first"
    HALF_OF_LOST_BATCH = "the second half of a batch is folded though another owner's move dropped the first"
    HOLES_PASSED = "a record that a runner leaves out is not missed"
    REMEMBERED_AFTER_RELEASE = "a unit remembers a partition that was released in the midst of it"
    REPEATS_IN_BATCH = "a batch gathered over a new assignment keeps the records that it holds twice"


def partition_of(topic: str, learner: str) -> Partition:
    """Return the partition that keeps a learner's records in order."""
    return Partition(topic, LEARNERS.index(learner) % NUMBERS)


def letter_row(record: Record, reason: str) -> Outgoing:
    """Return a record's dead letter, in the partition of the same number."""
    at = Partition(record.at.topic + ".dlq", record.at.number)
    return Outgoing(at, Letter(record.at, record.offset, reason))
