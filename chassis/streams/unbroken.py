# SPDX-License-Identifier: Apache-2.0
"""Whether records come without holes, where a runner cannot be trusted to deliver every one.

Around a rebalance Faust may hand over what it had fetched before, take what lies before it for done,
and drop it when it comes (``Consumer._drain_messages`` of 0.15.3). Internal topics hold neither
markers of transactions nor compacted records, so that their offsets follow each other.
"""

from collections.abc import Iterable

from chassis.errors import Conflict
from chassis.streams.message import Partition, Record


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
