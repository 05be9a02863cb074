# SPDX-License-Identifier: Apache-2.0
"""What has to be done so that a broker has the topics that are wanted: a pure comparison.

A topic is made or its configuration is altered; its partitions are never changed. Their number
decides who owns a learner, and growing it would give a learner two owners (design section 2). Nor is a
longer retention shortened: an operator who lengthened it in an outage would lose what nobody has consumed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cairn.topics.catalogue import Topic

_RETENTION = "retention.ms"


@dataclass(frozen=True, slots=True)
class Existing:
    """A topic as the broker has it; ``config`` holds what was set for this topic alone."""

    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Create:
    """Make a topic."""

    topic: str
    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Alter:
    """Change configuration; ``changes`` maps a setting to its old and new value."""

    topic: str
    changes: Mapping[str, tuple[str | None, str]]
    config: Mapping[str, str]
    """All of the topic's own configuration afterwards, settings of the operator included."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not touch the topic, nor any other, until an operator has decided."""

    topic: str
    reason: str


Step: TypeAlias = Create | Alter | Refuse


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, by topic; none when the broker is as it should be."""

    steps: tuple[Step, ...]

    @property
    def refusals(self) -> tuple[Refuse, ...]:
        """What stands in the way of all of it."""
        return tuple(step for step in self.steps if isinstance(step, Refuse))


def compare(wanted: Iterable[Topic], partitions: int, existing: Mapping[str, Existing]) -> Plan:
    """Return what has to be done; topics that nobody wants are left alone."""
    steps = (_step(topic, partitions, existing.get(topic.name)) for topic in wanted)
    return Plan(tuple(step for step in steps if step is not None))


def _step(topic: Topic, partitions: int, found: Existing | None) -> Step | None:
    if found is None:
        return Create(topic.name, partitions, topic.config)
    if found.partitions != partitions:
        reason = f"has {found.partitions} partitions, not {partitions}: their number is fixed when it is made"
        return Refuse(topic.name, reason)
    changes = {
        name: (found.config.get(name), value)
        for name, value in topic.config.items()
        if found.config.get(name) != value and not (name == _RETENTION and _longer(found.config, value))
    }
    config = {**found.config, **{name: value for name, (_, value) in changes.items()}}
    return Alter(topic.name, changes, config) if changes else None


def _longer(config: Mapping[str, str], wanted: str) -> bool:
    """Tell whether records are kept for longer than is wanted; a negative number keeps them for ever."""
    kept = config.get(_RETENTION)
    return kept is not None and (int(kept) < 0 or int(kept) > int(wanted))
