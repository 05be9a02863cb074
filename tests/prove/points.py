# SPDX-License-Identifier: Apache-2.0
"""The crash points: every boundary of design section 4 at which a process may end.

A point is reached in the running code itself, by wrapping what stands on its one side; the code knows
nothing of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.prove.passages import Passages
from tests.prove.places import before, place
from tests.prove.processes import (
    CONSUMING,
    HTTP_DOOR,
    INTAKE,
    RECORD_DOOR,
    RELAYING,
    SCHEDULING,
    SEQUENCING,
)


def always(_: object) -> bool:
    """Count every passage."""
    return True


def _found(result: object) -> bool:
    return result is not None


@dataclass(frozen=True, slots=True)
class After:
    """Behind a coroutine function, given as ``module:name`` or ``module:class.name``."""

    function: str
    counts: Callable[[Any], bool] = always

    def install(self, passages: Passages, point: str) -> None:
        """Have the process pass the point there."""
        passages.after(*place(self.function), point, self.counts)


@dataclass(frozen=True, slots=True)
class Before:
    """In front of a coroutine function."""

    function: str

    def install(self, passages: Passages, point: str) -> None:
        """Have the process pass the point there."""

        async def passing() -> None:
            passages.passed(point)

        before(self.function, passing)


@dataclass(frozen=True, slots=True)
class AfterWork:
    """Behind a method in which another one of its class did some work."""

    method: str
    work: str
    counts: Callable[[Any], bool] = bool

    def install(self, passages: Passages, point: str) -> None:
        """Have the process pass the point there."""
        owner, turn = place(self.method)
        passages.after_work(owner, self.work, turn, point, self.counts)


@dataclass(frozen=True, slots=True)
class Point:
    """One boundary, whose processes have it, and at which passages of its lives a process ends there."""

    name: str
    processes: tuple[str, ...]
    place: After | Before | AfterWork
    lives: tuple[int, ...] = (3, 2)
    """Fewer in the second life: what waited meanwhile is taken in large units, by a relay even in one."""
    first: int = 1
    """The passage at which a process ends that ends at other points as well."""


REPLAY = "replay:"
"""How the names of the points begin that are passed only where something waits."""
_ALL = (INTAKE, *CONSUMING)
_POSITIONS = "services.records.adapters.postgres_positions"
_DISCLOSE = "services.records.adapters.postgres_disclosures:PostgresDisclosures.keep"
_DOOR = "services.assessment.adapters.door"
# Timers of recognition fall due on real days, which a story that is told in a minute does not reach.
_TIMED = SCHEDULING[:1]
POINTS = (
    Point("consumer: after the inbox", CONSUMING, After("chassis.unit.work:open_unit", _found), first=2),
    # Intake's statements are its inbox.
    Point(
        "intake: after the statements",
        (INTAKE,),
        After("services.assessment.adapters.ingest:IngestDoor.fold"),
        first=2,
    ),
    Point("consumer: before the commit", _ALL, After("chassis.unit.work:close_unit"), first=2),
    Point("consumer: committed, not acknowledged", _ALL, After("chassis.unit.work:UnitOfWork.run"), first=2),
    # Faust commits once before it begins, where the progress stands.
    Point("consumer: acknowledged", _ALL, After("aiokafka:AIOKafkaConsumer.commit"), (2, 2), first=2),
    # Of a request about what waits, which takes place once poison is discarded.
    Point(f"{REPLAY} before the commit", CONSUMING, After("chassis.unit.resuming:close_unit"), (1, 1)),
    Point(
        f"{REPLAY} committed, not told", CONSUMING, After("chassis.unit.replay:Replays._one", bool), (1, 1)
    ),
    Point("relay: handed over", RELAYING, After("aiokafka:AIOKafkaProducer.send_batch")),
    Point("relay: sent, not deleted", RELAYING, After("chassis.relay.slot:send"), (3, 1)),
    Point("relay: deleted", RELAYING, After("chassis.relay.slot:Slot._delete"), (3, 1)),
    Point(
        "scheduler: timers told, before the commit",
        _TIMED,
        After("chassis.schedule.due_rows:publish_unit"),
        (1, 1),
    ),
    Point(
        "scheduler: timers told and committed",
        _TIMED,
        AfterWork("chassis.schedule.due_rows:DueRows.turn", "_tell"),
        (1, 1),
    ),
    Point(
        "scheduler: scanned, before the commit",
        SCHEDULING,
        After("chassis.schedule.scans:publish_unit"),
        (1, 1),
    ),
    Point(
        "scheduler: scanned and committed",
        SCHEDULING,
        AfterWork("chassis.schedule.scans:Scans.turn", "_advance", always),
        (1, 1),
    ),
    Point("sequencer: placed, before the commit", SEQUENCING, After(f"{_POSITIONS}:_sequence", bool), (3, 1)),
    Point(
        "sequencer: placed and committed",
        SEQUENCING,
        After(f"{_POSITIONS}:PostgresPositions.sequence", bool),
        (3, 1),
    ),
    Point("http: before the commit", HTTP_DOOR, After(f"{_DOOR}:_close")),
    Point("http: committed, not answered", HTTP_DOOR, After(f"{_DOOR}:Door._commit")),
    Point("disclosure: before the commit", RECORD_DOOR, Before(_DISCLOSE)),
    Point("disclosure: committed, not answered", RECORD_DOOR, After(_DISCLOSE)),
)
BY_NAME: Mapping[str, Point] = {point.name: point for point in POINTS}
