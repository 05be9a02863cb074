# SPDX-License-Identifier: Apache-2.0
"""The two chained stages: facts become changes with revisions, changes become decisions."""

from collections.abc import Callable
from dataclasses import dataclass

from chassis.streams.message import Partition
from chassis.unit.fence import Outcome
from tests.model.values import NUMBERS, Event, Folded, State

IGNORED = 0
"""Content of a fact that needs nothing done."""
REFUSED = -1
"""Content of a fact that the domain refuses."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What one consumer reads, what it makes of an event, and where it publishes."""

    name: str
    sources: tuple[Partition, ...]
    target: str
    fold: Callable[[State, Event], Folded]


def fold_fact(state: State, event: Event) -> Folded:
    """Add a fact to what is known of a learner and emit the change."""
    if event.content == REFUSED:
        return Folded(state, Outcome.DEAD_LETTERED)
    if event.content == IGNORED:
        return Folded(state, Outcome.IGNORED)
    revision, value = state.revision + 1, state.value + event.content
    return Folded(State(revision, value), Outcome.APPLIED, _change(event, value, revision))


def fold_change(state: State, event: Event) -> Folded:
    """Follow a change, unless its revision is past; a gap has to be visible in what is decided."""
    if event.revision <= state.known:
        return Folded(state, Outcome.IGNORED)
    missed = event.revision - state.known - 1
    revision, value = state.revision + 1, event.content * 100 + missed
    return Folded(State(revision, value, event.revision), Outcome.APPLIED, _change(event, value, revision))


def _change(event: Event, value: int, revision: int) -> Event:
    # Derived from its grounds, as UUIDv5 is (design section 4): the same in every run.
    return Event(f"{event.learner}/{revision}/{event.id}", event.learner, value, revision)


def _partitions(topic: str) -> tuple[Partition, ...]:
    return tuple(Partition(topic, number) for number in range(NUMBERS))


# A learner's facts come by two topics, so that two workers may meet over one learner.
ASSESSMENT = Stage("assessment", (*_partitions("results"), Partition("register", 0)), "changes", fold_fact)
RECOGNITION = Stage("recognition", _partitions("changes"), "decisions", fold_change)
