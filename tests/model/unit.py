# SPDX-License-Identifier: Apache-2.0
"""The unit of work of the model: the seven steps of design section 4, cut open at every boundary.

Each is a generator that stops where a process may die or another may come in between. To close it is
a crash or a failed statement: its transaction is rolled back.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import TypeAlias

from chassis.streams.message import Partition
from tests.model.broker import Broker
from tests.model.database import Database, Key, Transaction
from tests.model.effects import Effects
from tests.model.ownership import Ownership
from tests.model.stages import Stage
from tests.model.values import Defect, Event, Record


class Point(Enum):
    """Where a unit stands between two steps."""

    WAITING = auto()
    BEGUN = auto()
    PROGRESS_LOCKED = auto()
    LEARNERS_LOCKED = auto()
    ENTERED = auto()
    FOLDED = auto()
    COMMITTED = auto()
    ACKNOWLEDGED = auto()


Course: TypeAlias = Generator[Point]
Progress: TypeAlias = Mapping[Partition, int]


class UnitOfWork:
    """Runs the units of one worker."""

    def __init__(
        self, stage: Stage, broker: Broker, database: Database, ownership: Ownership, defect: Defect
    ) -> None:
        """Begin; progress that no row holds yet is 0."""
        self._stage = stage
        self._broker = broker
        self._database = database
        self._ownership = ownership
        self._defect = defect
        self.moved: frozenset[Partition] = frozenset()
        """What the last unit moved; of a partition that is not there, its records were dropped."""

    def run(self, batch: Sequence[Record]) -> Course:
        """Do all that a batch asks for, commit, and then alone acknowledge."""
        records = batch if self._defect is Defect.REPEATS_IN_BATCH else list(dict.fromkeys(batch))
        self._ownership.begin({record.at for record in records})
        with Transaction(self._database) as work:
            yield Point.BEGUN
            rows = yield from self._lock_progress(work, records)
            steps = self._steps(rows, records)
            yield Point.PROGRESS_LOCKED
            fresh = self._fresh(rows, records)
            events = [record.value for record in fresh if isinstance(record.value, Event)]
            yield from self._lock_learners(work, events)
            yield Point.LEARNERS_LOCKED
            yield from _lock(work, {("inbox", event.id) for event in events})
            yield Point.ENTERED
            Effects(self._stage, work, self._defect).fold(fresh)
            work.progress |= steps
            yield Point.FOLDED
            work.commit()
        yield Point.COMMITTED
        self._ownership.settle(steps)
        self.moved = frozenset(steps)
        self._broker.committed |= steps
        yield Point.ACKNOWLEDGED

    def _lock_progress(
        self, work: Transaction, records: Sequence[Record]
    ) -> Generator[Point, None, dict[Partition, int]]:
        # Sorted, as all locks are, so that no two units wait for each other in a circle.
        firsts = {record.at: record.offset for record in reversed(records)}
        yield from _lock(work, {("progress", at) for at in firsts})
        rows = {at: self._database.progress.get(at, 0) for at in firsts}
        return self._ownership.owned(rows, firsts)

    def _steps(self, rows: Progress, records: Sequence[Record]) -> Progress:
        lasts = {record.at: record.offset for record in records}
        if self._defect is Defect.NO_FENCE:
            return {at: lasts[at] + 1 for at in rows}
        steps = {at: max(row, lasts[at] + 1) for at, row in rows.items()}
        self._ownership.trying(steps)
        if self._defect is Defect.ACKNOWLEDGE_BEFORE_COMMIT:
            self._broker.committed |= steps
        if self._defect is Defect.ADVANCE_BEFORE_COMMIT:
            self._database.progress |= steps
        return steps

    def _fresh(self, rows: Progress, records: Sequence[Record]) -> Sequence[Record]:
        if self._defect is Defect.NO_FENCE:
            return records
        return [record for record in records if record.offset >= rows.get(record.at, record.offset + 1)]

    def _lock_learners(self, work: Transaction, events: Iterable[Event]) -> Course:
        if self._defect is not Defect.NO_LEARNER_LOCK:
            yield from _lock(work, {("learner", event.learner) for event in events})


def _lock(work: Transaction, keys: Iterable[Key]) -> Course:
    for key in sorted(keys):
        while not work.lock(key):
            yield Point.WAITING
