# SPDX-License-Identifier: Apache-2.0
"""Whether records come without holes and in order, where a runner cannot be trusted with either.

Around a rebalance Faust may hand over what it had fetched before, and then what lies in front of it, or
take that for done and drop it (``Consumer._drain_messages`` of 0.15.3). Internal topics hold neither
markers of transactions nor compacted records, so that their offsets follow each other.
"""

from collections.abc import Iterable, Sequence

from chassis.errors import Conflict
from chassis.streams.message import Partition, Record


def in_order(records: Sequence[Record]) -> Sequence[Record]:
    """Return a batch with the records of each partition in their order; between partitions there is none."""
    last: dict[Partition, int] = {}
    for record in records:
        if record.offset < last.get(record.at, 0):
            return sorted(records, key=lambda each: (each.at, each.offset))
        last[record.at] = record.offset
    return records


class Unbroken:
    """Which offset is the next of each partition that is assigned."""

    def __init__(self) -> None:
        """Begin with nothing seen: where an assignment may begin, the stored progress decides."""
        self._next: dict[Partition, int] = {}

    def check(self, records: Iterable[Record]) -> None:
        """Raise Conflict where a record was left out before another; one that comes again breaks nothing."""
        for record in records:
            expected = self._next.get(record.at, record.offset)
            if record.offset > expected:
                where = f"{record.at.topic}[{record.at.number}]"
                raise Conflict(f"of {where} the records {expected} to {record.offset - 1} were not delivered")
            self._next[record.at] = record.offset + 1

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Begin partitions anew, which are no longer assigned."""
        for at in partitions:
            self._next.pop(at, None)
