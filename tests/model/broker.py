# SPDX-License-Identifier: Apache-2.0
"""The broker of the model: append-only logs, and the committed offset, which is advice."""

from collections import defaultdict

from chassis.streams.message import Partition
from tests.model.values import Record, Value


class Broker:
    """Partitions, read from any offset, any number of times."""

    def __init__(self) -> None:
        """Begin with every log empty; each is read by one consumer at most, so that needs no name."""
        self.logs: defaultdict[Partition, list[Value]] = defaultdict(list)
        self.committed: dict[Partition, int] = {}

    def append(self, at: Partition, value: Value) -> None:
        """Add a record at the end, whoever sends it and however often."""
        self.logs[at].append(value)

    def read(self, at: Partition, offset: int, limit: int) -> list[Record]:
        """Return at most so many records from an offset on."""
        found = self.logs[at][offset : offset + limit]
        return [Record(at, offset + place, value) for place, value in enumerate(found)]
