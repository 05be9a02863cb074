# SPDX-License-Identifier: Apache-2.0
"""Defects planted in a running process or its database, which the proof must find: else it proves nothing."""

from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import AsyncMock, Mock, patch

import asyncpg

from chassis.database import transaction
from chassis.errors import Reject
from chassis.streams.message import Partition, Record
from chassis.unit.closing import close_unit
from chassis.unit.done import Done
from chassis.unit.fence import Outcome, Step
from chassis.unit.inbox import Seen
from chassis.unit.items import Place
from chassis.unit.opening import Opened
from chassis.unit.ownership import spans_of
from chassis.unit.unit import Unit
from chassis.unit.work import UnitOfWork
from tests.bench.ablation import VARIANTS, leave_out

_ADVANCE = "update chassis.fence set next_offset = $4 where consumer = $1 and topic = $2 and partition = $3"
_COUNT = """
update chassis.fence
set applied = applied + $4, duplicate = duplicate + $5, ignored = ignored + $6, parked = parked + $7,
    dead_lettered = dead_lettered + $8
where consumer = $1 and topic = $2 and partition = $3
"""


def acknowledge_before_commit() -> None:
    """Commit the progress of a batch before its effects, which a unit of work then does without it."""
    from chassis.unit import work  # noqa: PLC0415

    once = UnitOfWork._once

    async def acknowledged_first(
        self: UnitOfWork, records: Sequence[Record], raised: Mapping[Place, Reject]
    ) -> Done:
        spans = spans_of(records)
        self.ownership.foreseen(spans)
        async with transaction(self._pool, ()) as connection:
            rows = await self.ownership.lock(connection, spans)
            for at, step in self.ownership.steps(rows, spans).items():
                await connection.execute(_ADVANCE, self.consumer, *at, step.next_offset)
        begun = {at: spans[at].first for at in rows}
        with patch.multiple(
            self.ownership, foreseen=Mock(return_value=None), lock=AsyncMock(return_value=begun)
        ):
            return await once(self, records, raised)

    async def effects_alone(unit: Unit, consumer: str, steps: Mapping[Partition, Step]) -> None:
        for at, step in sorted(steps.items()):
            counts = (step.counts.get(outcome, 0) for outcome in Outcome)
            unit.writes.add(_COUNT, consumer, *at, *counts)
        await close_unit(unit, consumer, {})

    patch.object(UnitOfWork, "_once", acknowledged_first).start()
    patch.object(work, "close_unit", effects_alone).start()


def mark_before_publish() -> None:
    """Delete the rows of the outbox before they are sent."""
    from chassis.relay import publisher, slot  # noqa: PLC0415

    delete, original = slot.Slot._delete, slot.Slot._publish
    holding: list[slot.Slot] = []

    async def deleted_first(producer: Any, rows: Any, *given: Any) -> publisher.Sent:
        await delete(holding[-1], [row.id for row in rows])
        return await publisher.send(producer, rows, *given)

    async def publish(self: slot.Slot) -> bool:
        holding.append(self)
        return await original(self)

    async def already(_self: slot.Slot, _sent: list[int]) -> None:
        """Leave what is deleted."""

    patch.object(slot, "send", deleted_first).start()
    patch.object(slot.Slot, "_publish", publish).start()
    patch.object(slot.Slot, "_delete", already).start()


def no_inbox() -> None:
    """Take every arrival for new."""
    from chassis.unit import opening, work  # noqa: PLC0415

    async def opened(*given: Any, **named: Any) -> Opened | None:
        found = await opening.open_unit(*given, **named)
        return found and Opened(
            found.epochs, found.stood, found.timers, found.held, [Seen.NEW] * len(found.seen)
        )

    patch.object(work, "open_unit", opened).start()


async def _leave_out(connection: asyncpg.Connection, part: str) -> None:
    (variant,) = (each for each in VARIANTS if each.name == part)
    await leave_out(connection, variant)


async def no_learner_lock(connection: asyncpg.Connection) -> None:
    """Read the rows of learners without locking them."""
    await _leave_out(connection, "locks")


async def no_fence(connection: asyncpg.Connection) -> None:
    """Take every owner for the present one."""
    await _leave_out(connection, "fence")


IN_DATABASES = {defect.__name__: defect for defect in (no_learner_lock, no_fence)}
DEFECTS = {defect.__name__: defect for defect in (acknowledge_before_commit, mark_before_publish, no_inbox)}
