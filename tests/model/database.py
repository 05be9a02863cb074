# SPDX-License-Identifier: Apache-2.0
"""The database of the model: one service's tables, locks that are waited for, all or nothing.

Row locks are modelled as turn-taking: what a transaction has locked, no other can lock before it ends.
"""

from collections import Counter, defaultdict
from types import TracebackType
from typing import Self, TypeAlias

from chassis.streams.message import Partition
from chassis.unit.fence import Outcome
from tests.model.values import Digest, Outgoing, Record, State

Key: TypeAlias = tuple[str, object]


class Database:
    """What is committed, and who holds which lock."""

    def __init__(self) -> None:
        """Begin with empty tables."""
        self.progress: dict[Partition, int] = {}
        self.counts: Counter[tuple[Partition, Outcome]] = Counter()
        self.inbox: dict[str, Digest] = {}
        self.states: dict[str, State] = {}
        self.outbox: dict[int, Outgoing] = {}
        self.term = 0
        self.locks: dict[Key, Transaction] = {}
        # Kept for the checks alone; the protocol never reads them.
        self.consumed: list[Record] = []
        self.published: defaultdict[str, list[tuple[int, Outgoing]]] = defaultdict(list)
        self._last_id = 0

    def draw_id(self) -> int:
        """Return the sequence's next value, which a rollback does not give back."""
        self._last_id += 1
        return self._last_id

    def take_lease(self) -> int:
        """Give the relay's lease to whoever asks, as if any other's had run out, and return its term."""
        self.term += 1
        return self.term


class Transaction:
    """One transaction: its locks, and what it will have written once it commits."""

    def __init__(self, database: Database) -> None:
        """Begin."""
        self.database = database
        self.progress: dict[Partition, int] = {}
        self.counts: Counter[tuple[Partition, Outcome]] = Counter()
        self.inbox: dict[str, Digest] = {}
        self.states: dict[str, State] = {}
        self.outbox: dict[int, Outgoing] = {}
        self.consumed: list[Record] = []
        self._held: list[Key] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of every lock; what was not committed is forgotten."""
        for key in self._held:
            del self.database.locks[key]
        self._held.clear()

    def lock(self, key: Key) -> bool:
        """Lock a key; False while another transaction holds it."""
        holder = self.database.locks.setdefault(key, self)
        if holder is self and key not in self._held:
            self._held.append(key)
        return holder is self

    def publish(self, row: Outgoing) -> None:
        """Add a row to the outbox, whose id is drawn now."""
        self.outbox[self.database.draw_id()] = row

    def commit(self) -> None:
        """Make everything visible at once."""
        stored = self.database
        stored.progress |= self.progress
        stored.counts += self.counts
        stored.inbox |= self.inbox
        stored.states |= self.states
        stored.outbox |= self.outbox
        stored.consumed += self.consumed
        for row_id, row in self.outbox.items():
            stored.published[_key(row)].append((row_id, row))


def _key(row: Outgoing) -> str:
    return getattr(row.value, "learner", "")
