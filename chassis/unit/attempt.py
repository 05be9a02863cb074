# SPDX-License-Identifier: Apache-2.0
"""What becomes known of a request about waiting records while it is tried."""

from dataclasses import dataclass, field

from chassis.errors import Bug, Reject
from chassis.sqlstate import LeftIdle, refused
from chassis.streams.message import Record
from chassis.streams.pace import TRIES_ALONE
from chassis.unit.items import Place, place_of

# What one unit takes of a learner; the rest is asked for again.
_MOST = 500


@dataclass(slots=True)
class Attempt:
    """What is known of a request that has been tried before: which records fail, and how many are taken."""

    raised: dict[Place, Reject] = field(default_factory=dict)
    most: int = field(default_factory=lambda: _MOST)
    first: Record | None = None
    taken: int = 0
    seconds: float = 0.0
    """For how long the handler had what was taken."""
    alone: int = 0
    """How often one record was thought about for too long."""

    def narrow(self, error: Exception) -> None:
        """Take only the first record where the database refuses one of them; leave it where it is that."""
        if self.most > 1:
            self.most = 1
        else:
            self._leave_first(error)

    def shorten(self, error: LeftIdle, most: int) -> None:
        """Take fewer records where they were thought about for too long; leave the first where it is that."""
        if self.most > 1:
            self.most = most
            return
        self.alone += 1
        if self.alone >= TRIES_ALONE:
            self._leave_first(error)

    def _leave_first(self, error: Exception) -> None:
        if self.first is None or place_of(self.first) in self.raised:
            raise Bug("it fails without any of its records as well") from error
        self.raised[place_of(self.first)] = refused(error)
