# SPDX-License-Identifier: Apache-2.0
"""Units of work that leave one part of the protocol out: for this bench alone, on databases of its own.

What ``chassis.open_unit`` does is left out in a copy of the very function that the migrations made, so
that what is measured is never another one; what the last statement does, in a class of its own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chassis.streams.message import Partition, Record
from chassis.unit.fence import Step
from chassis.unit.unit import Unit
from chassis.unit.work import UnitOfWork


class WithoutOutbox(UnitOfWork):
    """Writes no row of the outbox and wakes nobody; what would be published is made all the same."""

    async def _finish(self, unit: Unit, steps: Mapping[Partition, Step], fresh: Sequence[Record]) -> None:
        unit.outgoing.clear()
        await super()._finish(unit, steps, fresh)


class WithoutFence(UnitOfWork):
    """Moves no progress on and counts no outcomes."""

    async def _finish(self, unit: Unit, _steps: Mapping[Partition, Step], _fresh: Sequence[Record]) -> None:
        await super()._finish(unit, {}, ())


@dataclass(frozen=True, slots=True)
class Edit:
    """One place of the function, and what stands there instead."""

    pattern: str
    instead: str

    def apply(self, function: str) -> str:
        """Return the function with the place replaced; raises ValueError unless there is exactly one."""
        edited, count = re.subn(self.pattern, self.instead, function, flags=re.DOTALL)
        if count != 1:
            message = f"chassis.open_unit has {count} places like {self.pattern!r}"
            raise ValueError(message)
        return edited


@dataclass(frozen=True, slots=True)
class Variant:
    """A unit of work with one part left out; the complete one leaves nothing out."""

    name: str
    work: type[UnitOfWork] = UnitOfWork
    edit: Edit | None = None


COMPLETE = Variant("unit")
VARIANTS: Sequence[Variant] = (
    COMPLETE,
    Variant("outbox", work=WithoutOutbox),
    Variant(
        "inbox",
        edit=Edit(
            r"with entered as \(.*?into fresh from entered;",
            "fresh := arrived_identities;",
        ),
    ),
    # What a learner's as_of is must be known all the same, so the rows are read, row by row as before (the
    # offset sees to that, chassis/database.py), and not locked.
    Variant("locks", edit=Edit(r"\bfor no key update\b", "offset 0")),
    Variant(
        "fence",
        work=WithoutFence,
        edit=Edit(
            r"select count\(\*\) = cardinality\(partitions\) into stands.*?wanted\.next_offset;",
            "stands := true;",
        ),
    ),
)


async def leave_out(connection: Any, variant: Variant) -> None:
    """Replace the function of a scratch database by the variant's."""
    if variant.edit is not None:
        function = await connection.fetchval("select pg_get_functiondef('chassis.open_unit'::regproc)")
        await connection.execute(variant.edit.apply(function))
