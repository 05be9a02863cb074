# SPDX-License-Identifier: Apache-2.0
"""The relay of the model: unsent rows in id order, sent and then deleted under the lease's term."""

from collections.abc import Iterator, Sequence

from tests.model.broker import Broker
from tests.model.database import Database
from tests.model.values import Defect, Outgoing


class Relay:
    """One process that publishes an outbox; another may believe to hold the same lease."""

    def __init__(self, broker: Broker, database: Database, defect: Defect) -> None:
        """Begin without a lease."""
        self._broker = broker
        self._database = database
        self._defect = defect
        self._term: int | None = None
        self._turn: Iterator[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether rows are in hand."""
        return self._turn is not None

    def advance(self, limit: int) -> None:
        """Go on with the rows in hand, or take up to so many."""
        if self._turn is None:
            self._turn = self._publish(limit)
        if next(self._turn, self) is self:
            self._turn = None

    def _publish(self, limit: int) -> Iterator[None]:
        if self._term is None:
            self._term = self._database.take_lease()
        # Read from the first unsent row, never past a remembered one: a lower id may commit later.
        rows = [(row_id, self._database.outbox[row_id]) for row_id in sorted(self._database.outbox)[:limit]]
        yield
        if self._defect is Defect.MARK_BEFORE_PUBLISH:
            self._delete(rows)
            yield
        # Each partition's rows are sent by themselves: no order holds between partitions.
        for _, row in sorted(rows, key=lambda each: each[1].at):
            self._broker.append(row.at, row.value)
            yield
        self._delete(rows)

    def _delete(self, rows: Sequence[tuple[int, Outgoing]]) -> None:
        if self._term != self._database.term:
            self._term = None
            return
        for row_id, _ in rows:
            self._database.outbox.pop(row_id, None)
