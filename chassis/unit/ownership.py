# SPDX-License-Identifier: Apache-2.0
"""Which partitions this process owns, and where it last stood in each.

A row that stands elsewhere than where this owner left it was moved by another owner. The partition
is then disowned: none of its records is folded until it is claimed afresh, because between the
other owner's position and ours there may be records that nobody has folded yet.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from chassis.database import Connection
from chassis.errors import Conflict
from chassis.streams.message import Offsets, Partition, Record
from chassis.unit import fence
from chassis.unit.fence import Step
from chassis.unit.losses import NO_IDS, TopicIds
from chassis.unit.restored import tell_restored


class Span(NamedTuple):
    """The offsets of the first and the last record of a batch in one partition."""

    first: int
    last: int


Spans: TypeAlias = Mapping[Partition, Span]


def spans_of(records: Sequence[Record]) -> Spans:
    """Return where each partition's records of a batch begin and end, whatever their order."""
    first: dict[Partition, int] = {}
    last: dict[Partition, int] = {}
    for record in records:
        at, offset = record.at, record.offset
        if offset > last.get(at, -1):
            last[at] = offset
            first.setdefault(at, offset)
        elif offset < first[at]:
            first[at] = offset
    return {at: Span(first[at], last[at]) for at in first}


class Ownership:
    """Where one consumer's process stands."""

    def __init__(self, consumer: str) -> None:
        """Begin with nothing owned."""
        self._consumer = consumer
        self.holes = True
        """Whether records may lie apart; where none can, the next one follows on the stored progress."""
        self._stood: dict[Partition, int] = {}
        self._tried: dict[Partition, int] = {}
        self._under_way: set[Partition] = set()
        self._disowned: set[Partition] = set()
        self._in_hand: frozenset[Partition] = frozenset()
        self._overtaken: set[Partition] = set()

    def take(self, records: Iterable[Record]) -> None:
        """Have a batch in hand, until the next one.

        A partition that is claimed meanwhile begins where the claim found its row: after a restore that may
        lie before what is in hand, and none of that is then folded.
        """
        self._in_hand = frozenset(record.at for record in records)
        self._overtaken.clear()

    async def claim(
        self, connection: Connection, starts: Offsets, ids: TopicIds = NO_IDS
    ) -> dict[Partition, int]:
        """Take over partitions and return where each begins; ``starts`` is for one never read before."""
        offsets = await fence.claim(connection, self._consumer, starts, ids)
        self._stood |= offsets
        self._overtaken |= self._in_hand & offsets.keys()
        self._disowned.difference_update(offsets)
        for at in offsets:
            self._tried.pop(at, None)
        return offsets

    def release(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions that are no longer assigned."""
        for at in partitions:
            self._stood.pop(at, None)
            self._tried.pop(at, None)
            self._under_way.discard(at)
            self._disowned.discard(at)

    @property
    def disowned(self) -> frozenset[Partition]:
        """The partitions that another owner has moved since this one claimed them."""
        return frozenset(self._disowned)

    async def look(self, connection: Connection) -> None:
        """Disown what stands elsewhere by now although no unit of this owner is at it.

        Where nothing comes no unit finds out, and what a restored database has not seen would wait for it.
        """
        stood = {at: offset for at, offset in self._stood.items() if at not in self._tried}
        rows = await fence.look(connection, self._consumer, stood)
        moved = {
            at: row
            for at, row in rows.items()
            if row != stood[at] and self._stood.get(at) == stood[at] and at not in self._tried
        }
        self._disown(moved)

    async def pass_over(self, connection: Connection, ahead: Mapping[Partition, tuple[int, int]]) -> None:
        """Move from where this owner stood to where it has read, unless a unit is at it or it was moved."""
        wanted = {
            at: (stood, position)
            for at, (stood, position) in ahead.items()
            if at not in self._tried and self._stood.get(at) == stood
        }
        for at in await fence.pass_over(connection, self._consumer, wanted):
            if self._stood.get(at) == wanted[at][0]:
                self._stood[at] = wanted[at][1]

    @property
    def progress(self) -> Offsets:
        """Where this owner stands in each partition that it has claimed."""
        return dict(self._stood)

    def stands(self, at: Partition) -> int | None:
        """Return where this owner stands in a partition, None where it has not claimed it."""
        return self._stood.get(at)

    def astray(self, records: Iterable[Record]) -> set[Partition]:
        """Return of which claimed partitions a record does not follow on what was done or came before it.

        Markers of transactions do that, and so does a client that has met an offset out of range.
        """
        following = dict(self._stood)
        found: set[Partition] = set()
        for record in records:
            if following.get(record.at, record.offset) != record.offset:
                found.add(record.at)
            following[record.at] = record.offset + 1
        return found

    def foreseen(self, spans: Spans) -> Offsets | None:
        """Begin a unit; return where the rows stand unless another owner has moved them.

        Every record is then to do. None where that is not to be expected: a redelivery, a partition not
        claimed, one disowned, one claimed while the batch was in hand, or a hole where there can be none.
        """
        self._under_way = set(spans)
        if (self._disowned | self._overtaken).isdisjoint(spans) and all(
            self._follows(at, span.first) for at, span in spans.items()
        ):
            return {at: self._stood[at] for at in spans}
        return None

    async def lock(self, connection: Connection, spans: Spans) -> Offsets:
        """Lock the batch's rows and return those that this owner may move.

        Raises :class:`Conflict` when an unclaimed partition begins above its row, or any where there are no
        holes: records would be lost.
        """
        rows = await fence.lock(connection, self._consumer, spans)
        if missing := {at: span.first for at, span in spans.items() if at not in rows}:
            await fence.claim(connection, self._consumer, missing)
            rows = await fence.lock(connection, self._consumer, spans)
        return {at: row for at, row in rows.items() if self._owns(at, row, spans[at].first)}

    def steps(self, rows: Offsets, spans: Spans) -> dict[Partition, Step]:
        """Return how far each partition will move, and note that this is going to be tried.

        One that was released since the unit began is not noted: who knows where it will stand.
        """
        steps = {at: Step(max(row, spans[at].last + 1)) for at, row in rows.items()}
        self._tried |= {at: step.next_offset for at, step in steps.items() if at in self._under_way}
        return steps

    def _follows(self, at: Partition, first: int) -> bool:
        """Tell whether a record may be the next one of a partition, as far as this owner knows."""
        stood = self._stood.get(at)
        return stood is not None and (first == stood or (first > stood and self.holes))

    def _owns(self, at: Partition, row: int, first: int) -> bool:
        if at in self._disowned or at in self._overtaken:
            return False
        stood = self._stood.get(at)
        if first > row and (stood is None or not self.holes):
            raise Conflict(f"{at.topic}[{at.number}] begins at {first}, above the stored progress {row}")
        if stood is None:
            return True
        # A commit whose answer was lost leaves the row where this owner itself meant to move it.
        if row in (stood, self._tried.get(at, stood)):
            return True
        self._disown({at: row})
        return False

    def _disown(self, rows: Offsets) -> None:
        tell_restored(self._consumer, rows, {at: self._stood[at] for at in rows.keys() - self._disowned})
        self._disowned |= rows.keys()

    def settle(self, steps: Mapping[Partition, Step]) -> dict[Partition, int]:
        """Note what has been committed and return each partition's next offset."""
        offsets = {at: step.next_offset for at, step in steps.items()}
        for at, offset in offsets.items():
            # Not one that was released meanwhile.
            if self._tried.pop(at, None) is not None:
                self._stood[at] = offset
        return offsets
