# SPDX-License-Identifier: Apache-2.0
"""Which partitions a worker owns and where it last stood in each (design section 4, step 1)."""

from collections.abc import Iterable, Mapping

from chassis.streams.message import Partition
from tests.model.values import Defect


class BegunAbove(AssertionError):
    """A partition begins above its stored progress: what lies between is lost."""


class Ownership:
    """Compare-and-set of the progress rows, from the value that this owner last wrote."""

    def __init__(self, defect: Defect) -> None:
        """Begin with nothing claimed."""
        self._defect = defect
        self._stood: dict[Partition, int] = {}
        self._tried: dict[Partition, int] = {}
        self._under_way: set[Partition] = set()
        self.disowned: set[Partition] = set()

    def claim(self, at: Partition, progress: int) -> None:
        """Take a partition over where its row stands."""
        self._stood[at] = progress
        self.disowned.discard(at)

    def release(self, at: Partition) -> None:
        """Forget a partition that is no longer assigned."""
        self._stood.pop(at, None)
        self._tried.pop(at, None)
        if self._defect is not Defect.REMEMBERED_AFTER_RELEASE:
            self._under_way.discard(at)
        self.disowned.discard(at)

    def begin(self, partitions: Iterable[Partition]) -> None:
        """Begin a unit; what is released from now on is not to be remembered."""
        self._under_way = set(partitions)

    def owned(self, rows: Mapping[Partition, int], firsts: Mapping[Partition, int]) -> dict[Partition, int]:
        """Return the rows that this owner may move; a partition moved by another is disowned."""
        return {at: row for at, row in rows.items() if self._owns(at, row, firsts[at])}

    def trying(self, steps: Mapping[Partition, int]) -> None:
        """Note where a commit is going to move the rows: its answer may be lost."""
        self._tried |= {at: step for at, step in steps.items() if at in self._under_way}

    def settle(self, steps: Mapping[Partition, int]) -> None:
        """Note what has been committed."""
        for at, step in steps.items():
            if self._tried.pop(at, None) is not None:
                self._stood[at] = step

    def _owns(self, at: Partition, row: int, first: int) -> bool:
        if self._defect is Defect.NO_FENCE:
            return True
        if at in self.disowned:
            return False
        stood = self._stood.get(at)
        if stood is None:
            if first > row:
                raise BegunAbove(f"{at} begins at {first}, above {row}")
            return True
        if row in {stood, self._tried.get(at, stood)}:
            return True
        if self._defect is Defect.ADOPTED_PROGRESS:
            self._stood[at] = row
        else:
            self.disowned.add(at)
        return False
