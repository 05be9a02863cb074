# SPDX-License-Identifier: Apache-2.0
"""Which partitions this process owns, and where it last stood in each.

A row that stands elsewhere than where this owner left it was moved by another owner. The partition
is then disowned: none of its records is folded until it is claimed afresh, because between the
other owner's position and ours there may be records that nobody has folded yet.
"""

from collections.abc import Iterable, Mapping, Sequence

from chassis.database import Connection
from chassis.errors import Bug
from chassis.streams.message import Partition, Record
from chassis.unit import fence
from chassis.unit.fence import Step


class Ownership:
    """Where one consumer's process stands."""

    def __init__(self, consumer: str) -> None:
        """Begin with nothing owned."""
        self._consumer = consumer
        self._stood: dict[Partition, int] = {}
        self._tried: dict[Partition, int] = {}
        self._disowned: set[Partition] = set()

    async def claim(self, connection: Connection, starts: Mapping[Partition, int]) -> dict[Partition, int]:
        """Take over partitions and return where each begins; ``starts`` is for one never read before."""
        offsets = await fence.claim(connection, self._consumer, starts)
        self._stood |= offsets
        self._disowned.difference_update(offsets)
        return offsets

    def release(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions that are no longer assigned."""
        for at in partitions:
            self._stood.pop(at, None)
            self._tried.pop(at, None)
            self._disowned.discard(at)

    @property
    def disowned(self) -> frozenset[Partition]:
        """The partitions that another owner has moved since this one claimed them."""
        return frozenset(self._disowned)

    async def lock(
        self, connection: Connection, records: Sequence[Record]
    ) -> tuple[dict[Partition, Step], list[Record]]:
        """Lock the batch's rows; return how far each partition will move and the records still to do.

        Raises :class:`Bug` when an unclaimed partition begins above its row: records would be lost.
        """
        first: dict[Partition, int] = {}
        last: dict[Partition, int] = {}
        for record in records:
            first.setdefault(record.at, record.offset)
            last[record.at] = record.offset
        rows = await self._rows(connection, first)
        owned = {at: row for at, row in rows.items() if self._owns(at, row, first[at])}
        steps = {at: Step(max(row, last[at] + 1)) for at, row in owned.items()}
        self._tried |= {at: step.next_offset for at, step in steps.items()}
        return steps, [
            record for record in records if record.offset >= owned.get(record.at, record.offset + 1)
        ]

    async def _rows(self, connection: Connection, first: Mapping[Partition, int]) -> dict[Partition, int]:
        rows = await fence.lock(connection, self._consumer, first)
        if missing := {at: offset for at, offset in first.items() if at not in rows}:
            await fence.claim(connection, self._consumer, missing)
            rows = await fence.lock(connection, self._consumer, first)
        return rows

    def _owns(self, at: Partition, row: int, first: int) -> bool:
        if at in self._disowned:
            return False
        stood = self._stood.get(at)
        if stood is None:
            if first > row:
                raise Bug(f"{at.topic}[{at.number}] begins at {first}, above the stored progress {row}")
            return True
        # A commit whose answer was lost leaves the row where this owner itself meant to move it.
        if row in (stood, self._tried.get(at, stood)):
            return True
        self._disowned.add(at)
        return False

    def settle(self, steps: Mapping[Partition, Step]) -> dict[Partition, int]:
        """Note what has been committed and return each partition's next offset."""
        offsets = {at: step.next_offset for at, step in steps.items()}
        self._stood |= offsets
        for at in offsets:
            self._tried.pop(at, None)
        return offsets
