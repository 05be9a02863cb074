# SPDX-License-Identifier: Apache-2.0
"""A worker of a consumer group: polls, cuts batches, runs units, loses and regains partitions.

One that seeks (aiokafka) claims what it is assigned and goes on at the stored progress; one that
cannot (Faust) goes on at the committed offset, may leave a record out, and begins anew where it has
lost a partition or misses a record.
"""

from collections.abc import Iterable

from chassis.streams.message import Partition
from tests.model.broker import Broker
from tests.model.database import Database
from tests.model.ownership import BegunAbove, Ownership
from tests.model.stages import Stage
from tests.model.unit import Course, Point, UnitOfWork
from tests.model.values import Defect, Record


class Worker:
    """One process; it knows of its partitions what it has been told."""

    def __init__(self, stage: Stage, broker: Broker, database: Database, defect: Defect) -> None:
        """Begin with nothing assigned; :meth:`start` is what a process begins with."""
        self._stage = stage
        self._broker = broker
        self._database = database
        self._defect = defect
        self.start((), seeks=True)

    def start(self, assigned: Iterable[Partition], *, seeks: bool) -> None:
        """Be a new process; of the one before, only what it has committed is left."""
        if unit := getattr(self, "_unit", None):
            unit.close()
        self._seeks = seeks
        self._unit: Course | None = None
        self._hand: list[Record] = []
        self._batches: list[list[Record]] = []
        self._positions: dict[Partition, int] = {}
        self._next: dict[Partition, int] = {}
        self._ownership = Ownership(self._defect)
        self._work = UnitOfWork(self._stage, self._broker, self._database, self._ownership, self._defect)
        for at in assigned:
            self.assign(at)

    @property
    def busy(self) -> bool:
        """Whether records are in hand."""
        return bool(self._unit or self._batches or self._hand)

    def assign(self, at: Partition) -> None:
        """Take a partition over, whatever is in hand of it from before."""
        if self._seeks:
            self._positions[at] = self._database.progress.get(at, 0)
            self._ownership.claim(at, self._positions[at])
        else:
            self._positions[at] = self._broker.committed.get(at, 0)

    def release(self, at: Partition) -> None:
        """Hear that a partition is another's now; a unit in flight goes on."""
        self._positions.pop(at, None)
        self._next.pop(at, None)
        self._ownership.release(at)

    def leave_out(self) -> None:
        """Pass over the next record of each partition, as only one that cannot seek may."""
        if not self._seeks:
            self._positions = {at: position + 1 for at, position in self._positions.items()}

    def poll(self, limit: int) -> None:
        """Gather up to so many records of each partition, beside what is in hand; not during a unit."""
        if self._unit or self._batches:
            return
        for at, position in sorted(self._positions.items()):
            records = self._broker.read(at, position, limit)
            self._positions[at] = position + len(records)
            self._hand += records

    def advance(self) -> Point | None:
        """Go one step on with what is in hand, if there is anything."""
        if not self.busy:
            return None
        if self._unit is None:
            if not self._batches:
                self._batches, self._hand = [self._hand], []
                if self._broken(self._batches[0]):
                    self._begin_anew()
                    return None
            self._unit = self._work.run(self._batches[0])
        try:
            point = next(self._unit, None)
        except BegunAbove:
            if self._seeks:
                raise
            self._begin_anew()
            return None
        if point is None:
            self._unit = None
            self._batches = self._rest(self._batches)
            if not self._batches:
                self._regain()
        return point

    def retry(self, *, halve: bool) -> None:
        """Do the batch again after an error, also one in which the answer to a commit was lost."""
        if self._unit is None:
            return
        self._unit.close()
        self._unit = None
        records = self._batches[0]
        if halve and len(records) > 1:
            middle = len(records) // 2
            self._batches[:1] = [records[:middle], records[middle:]]

    def _rest(self, batches: list[list[Record]]) -> list[list[Record]]:
        """Return the halves still to do, without what follows on records that were dropped."""
        done, *rest = batches
        if self._defect is Defect.HALF_OF_LOST_BATCH:
            return rest
        # A new claim in between would take what is left for a hole, which is normal within an assignment.
        lost = {record.at for record in done} - self._work.moved
        return [[record for record in batch if record.at not in lost] for batch in rest]

    def _broken(self, batch: list[Record]) -> bool:
        """Whether a record was left out before another, of a worker that cannot be told where to go on."""
        for record in batch:
            left_out = record.offset > self._next.get(record.at, record.offset)
            if left_out and not self._seeks and self._defect is not Defect.HOLES_PASSED:
                return True
            self._next[record.at] = record.offset + 1
        return False

    def _begin_anew(self) -> None:
        self.start(tuple(self._positions), seeks=False)

    def _regain(self) -> None:
        lost = self._ownership.disowned
        if lost and not self._seeks:
            self._begin_anew()
            return
        for at in [at for at in lost if at in self._positions]:
            self.assign(at)
