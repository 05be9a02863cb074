# SPDX-License-Identifier: Apache-2.0
"""How many records the next unit of work takes, so that its handler has them for 200 ms at most.

A learner's locks and the epoch lock last as long as the unit, and a consumer that is asked to stop ends it
first. What a unit holds changes no result: it is a transaction boundary and nothing more.
"""

LONGEST_SECONDS = 0.2
# Below this a unit was cheap, and twice as many records may still be in time.
_CHEAP_SECONDS = LONGEST_SECONDS / 2


class Pace:
    """The most records of a unit, by what the units before have cost; there is no limit at first."""

    def __init__(self) -> None:
        self._most: int | None = None

    def of(self, waiting: int) -> int:
        """Return how many of the waiting records the next unit takes, which is one at least."""
        return waiting if self._most is None else min(waiting, self._most)

    def note(self, records: int, seconds: float) -> None:
        """Learn for how long a handler has had so many records."""
        if seconds > LONGEST_SECONDS:
            self._most = max(1, int(records * LONGEST_SECONDS / seconds))
        elif self._most is not None and records >= self._most and seconds <= _CHEAP_SECONDS:
            self._most *= 2
