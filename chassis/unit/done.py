# SPDX-License-Identifier: Apache-2.0
"""How a unit of work ends: with what it has committed, or because of one record."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chassis.errors import Reject
from chassis.streams.message import Partition, Record


class Done(NamedTuple):
    """What a unit of work has committed."""

    offsets: dict[Partition, int]
    """The next offset of each partition that is owned."""
    left: Sequence[Record] = ()
    """What it has not taken: it had to end before, or the handler thought for too long."""
    dropped: frozenset[Partition] = frozenset()
    """Of which records were dropped, because another owner has moved them."""
    seconds: float = 0.0
    """For how long the handler had the records."""

    def following(self, records: Iterable[Record]) -> list[Record]:
        """Return what may be folded behind this of records of the same batch.

        Where records were dropped, those behind them are not to be folded either, not even when the
        partition has been claimed anew meanwhile: they would be taken for the other side of a hole.
        """
        return [record for record in records if record.at not in self.dropped]


class Raised(Exception):
    """The handler raised something while it folded a record."""

    def __init__(self, record: Record, error: Reject) -> None:
        super().__init__(error.reason)
        self.record = record
        self.error = error


class EndsWith(Exception):
    """A unit ends with this record, and nothing behind it may be taken with it."""

    def __init__(self, record: Record) -> None:
        super().__init__()
        self.record = record
