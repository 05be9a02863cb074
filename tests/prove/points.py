# SPDX-License-Identifier: Apache-2.0
"""The crash points: every boundary of design section 4 at which a process may end.

A point is reached in the running code itself, by wrapping what stands on its one side; the code knows
nothing of it.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tests.prove.passages import Passages

Install: TypeAlias = Callable[[Passages, str], None]

INTAKE = "assessment-consume-intake"
CONSUMERS = ("assessment-consume-results", "recognition-consume", "records-consume")
RELAYS = ("assessment-relay", "recognition-relay", "records-relay")
SCHEDULES = ("assessment-schedule", "recognition-schedule")
SEQUENCER = ("records-schedule",)
HTTP_DOOR = ("assessment-serve",)
RECORD = ("records-serve",)


@dataclass(frozen=True, slots=True)
class Point:
    """One boundary, whose processes have it, and at which passages of its lives a process ends there."""

    name: str
    processes: tuple[str, ...]
    install: Install
    lives: tuple[int, ...] = (3, 7)
    first: int = 1
    """The passage at which a process ends that ends at other points as well."""


# Imported only in the process that is going to end there: each process loads what it runs, and no more.


def _entered(passages: Passages, point: str) -> None:
    from chassis.unit import work  # noqa: PLC0415

    passages.after(work, "open_unit", point, lambda opened: opened is not None)


def _taken_in(passages: Passages, point: str) -> None:
    # Intake's statements are its inbox.
    from services.assessment.adapters.ingest import IngestDoor  # noqa: PLC0415

    passages.after(IngestDoor, "fold", point)


def _written(passages: Passages, point: str) -> None:
    from chassis.unit import work  # noqa: PLC0415

    passages.after(work, "close_unit", point)


def _committed(passages: Passages, point: str) -> None:
    from chassis.unit.work import UnitOfWork  # noqa: PLC0415

    passages.after(UnitOfWork, "run", point)


def _acknowledged(passages: Passages, point: str) -> None:
    if os.environ.get("RUNNER") == "faust":
        from chassis.streams import faust_runner  # noqa: PLC0415

        passages.after(faust_runner, "_acknowledge", point)
    else:
        from aiokafka import AIOKafkaConsumer  # noqa: PLC0415

        passages.after(AIOKafkaConsumer, "commit", point)


def _handed_over(passages: Passages, point: str) -> None:
    from aiokafka import AIOKafkaProducer  # noqa: PLC0415

    passages.after(AIOKafkaProducer, "send_batch", point)


def _sent(passages: Passages, point: str) -> None:
    from chassis.relay import slot  # noqa: PLC0415

    passages.after(slot, "send", point)


def _deleted(passages: Passages, point: str) -> None:
    from chassis.relay.slot import Slot  # noqa: PLC0415

    passages.after(Slot, "_delete", point)


def _told(passages: Passages, point: str) -> None:
    from chassis.schedule import due_rows  # noqa: PLC0415

    passages.after(due_rows, "publish_unit", point)


def _told_and_committed(passages: Passages, point: str) -> None:
    from chassis.schedule.due_rows import DueRows  # noqa: PLC0415

    passages.after_work(DueRows, "_tell", "turn", point)


def _scanned(passages: Passages, point: str) -> None:
    from chassis.schedule import scans  # noqa: PLC0415

    passages.after(scans, "publish_unit", point)


def _scanned_and_committed(passages: Passages, point: str) -> None:
    from chassis.schedule.scans import Scans  # noqa: PLC0415

    passages.after_work(Scans, "_advance", "turn", point, lambda _: True)


def _placed(passages: Passages, point: str) -> None:
    from services.records.adapters import postgres_positions  # noqa: PLC0415

    passages.after(postgres_positions, "_sequence", point, bool)


def _placed_and_committed(passages: Passages, point: str) -> None:
    from services.records.adapters.postgres_positions import PostgresPositions  # noqa: PLC0415

    passages.after(PostgresPositions, "sequence", point, bool)


def _answered(passages: Passages, point: str) -> None:
    from services.assessment.adapters import door  # noqa: PLC0415

    passages.after(door, "_close", point)


def _answered_and_committed(passages: Passages, point: str) -> None:
    from services.assessment.adapters.door import Door  # noqa: PLC0415

    passages.after(Door, "_commit", point)


def _to_be_disclosed(passages: Passages, point: str) -> None:
    from services.records.adapters.postgres_disclosures import PostgresDisclosures  # noqa: PLC0415

    passages.before(PostgresDisclosures, "keep", point)


def _disclosed(passages: Passages, point: str) -> None:
    from services.records.adapters.postgres_disclosures import PostgresDisclosures  # noqa: PLC0415

    passages.after(PostgresDisclosures, "keep", point)


# Timers of recognition fall due on real days, which a story that is told in a minute does not reach.
POINTS = (
    Point("consumer: after the inbox", CONSUMERS, _entered, first=2),
    Point("intake: after the statements", (INTAKE,), _taken_in, first=2),
    Point("consumer: before the commit", (INTAKE, *CONSUMERS), _written, first=2),
    Point("consumer: committed, not acknowledged", (INTAKE, *CONSUMERS), _committed, first=2),
    Point("consumer: acknowledged", (INTAKE, *CONSUMERS), _acknowledged, (2, 3)),
    Point("relay: handed over", RELAYS, _handed_over),
    Point("relay: sent, not deleted", RELAYS, _sent),
    Point("relay: deleted", RELAYS, _deleted),
    Point("scheduler: timers told, before the commit", SCHEDULES[:1], _told, (1, 1)),
    Point("scheduler: timers told and committed", SCHEDULES[:1], _told_and_committed, (1, 1)),
    Point("scheduler: scanned, before the commit", SCHEDULES, _scanned, (1, 1)),
    Point("scheduler: scanned and committed", SCHEDULES, _scanned_and_committed, (1, 1)),
    Point("sequencer: placed, before the commit", SEQUENCER, _placed),
    Point("sequencer: placed and committed", SEQUENCER, _placed_and_committed),
    Point("http: before the commit", HTTP_DOOR, _answered),
    Point("http: committed, not answered", HTTP_DOOR, _answered_and_committed),
    Point("disclosure: before the commit", RECORD, _to_be_disclosed),
    Point("disclosure: committed, not answered", RECORD, _disclosed),
)
BY_NAME: Mapping[str, Point] = {point.name: point for point in POINTS}
