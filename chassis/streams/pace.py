# SPDX-License-Identifier: Apache-2.0
"""How many records the next unit of work takes, so that its handler has them for 200 ms at most.

A learner's locks and the epoch lock last as long as the unit, and a consumer that is asked to stop ends it
first; a transaction that is thought in for much longer the server ends. What a unit holds changes no result:
it is a transaction boundary and nothing more.
"""

from collections.abc import Iterable

from chassis.sqlstate import LeftIdle
from chassis.streams.message import Record
from chassis.unit.items import Place, place_of

LONGEST_SECONDS = 0.2
TRIES_ALONE = 3
"""How often a record is thought about for too long, alone, until it is to blame.

A process that was frozen, or a loop that another task has kept, looks the same once.
"""

# What a record costs is not known before the first unit, which must not be enormous: six that are cheap make
# two thousand.
_FIRST = 32
# Below this a unit was cheap, and twice as many records may still be in time.
_CHEAP_SECONDS = LONGEST_SECONDS / 2


class Pace:
    """The most records of a unit, by what the units before have cost; few at first."""

    def __init__(self) -> None:
        self.alone = Alone()
        self._most = _FIRST

    def of(self, waiting: int) -> int:
        """Return how many of the waiting records the next unit takes, which is one at least."""
        return min(waiting, self._most)

    def note(self, records: int, seconds: float) -> None:
        """Learn for how long a handler has had so many records, whatever became of them."""
        if seconds > LONGEST_SECONDS:
            self._most = max(1, int(records * LONGEST_SECONDS / seconds))
        elif records >= self._most and seconds <= _CHEAP_SECONDS:
            self._most *= 2


class Alone:
    """Which records were thought about for too long while they were alone in their unit, and how often.

    Remembered for as long as the consumer runs: while it thinks for so long its partitions may go to another,
    and it meets the record again only when they come back.
    """

    def __init__(self) -> None:
        self._errors: dict[Place, list[LeftIdle]] = {}

    def note(self, record: Record, error: LeftIdle) -> None:
        """Note that it was so once more."""
        self._errors.setdefault(place_of(record), []).append(error)

    def to_blame(self, record: Record) -> LeftIdle | None:
        """Return the last error of a record with which it was so too often."""
        errors = self._errors.get(place_of(record), [])
        return errors[-1] if len(errors) >= TRIES_ALONE else None

    def forget(self, records: Iterable[Record]) -> None:
        """Forget what is done."""
        if self._errors:
            for record in records:
                self._errors.pop(place_of(record), None)
