# SPDX-License-Identifier: Apache-2.0
"""One batch, one transaction, READ COMMITTED, always in this order (design section 4).

1. lock the progress rows, and drop what is done already or belongs to another owner;
2. decode each record: what cannot be decoded ends here and holds up nothing (it touches nothing, and
   so comes first in time: the transaction begins with the tenants that it may see);
3. hold the rule epochs still; 4. lock the learners; 5. enter the inbox;
6. fold, record by record; 7. write outbox, timers and progress, and commit.

Whoever calls acknowledges to Kafka after that, and only then.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from cairn.ids import TenantId
from chassis import telemetry
from chassis.database import Connection, Pool, transaction
from chassis.errors import Bug, Reject
from chassis.streams.handler import Handler
from chassis.streams.message import Accepted, Message, Partition, Record
from chassis.unit.closing import close_unit
from chassis.unit.deadletter import dead_letter
from chassis.unit.fence import Outcome, Step
from chassis.unit.inbox import Arrival, Seen, close, identity
from chassis.unit.learners import LearnerKey
from chassis.unit.opening import Opened, open_unit
from chassis.unit.outbox import Partitions
from chassis.unit.ownership import Ownership, Progress, spans_of
from chassis.unit.unit import Unit

# A record that cannot be decoded names no tenant: its dead letter belongs to the operator.
OPERATOR = TenantId("operator")

# The progress of no partition: all rows are locked already.
NOTHING: Progress = MappingProxyType({})

CONFLICT = Reject("conflict", "id")


class UnitOfWork:
    """Runs the units of one consumer."""

    isolation: ClassVar[Literal["read_committed", "read_uncommitted"]] = "read_uncommitted"
    """Which records of a topic are read; internal topics hold no aborted ones (design section 2)."""

    def __init__(self, pool: Pool, handler: Handler[Any], partitions: Partitions) -> None:
        """Begin with no partition owned and no rules loaded."""
        self.consumer = handler.consumer
        self.ownership = Ownership(handler.consumer)
        self._pool = pool
        self._handler = handler
        self._partitions = partitions
        self._epochs: dict[TenantId, int] = {}
        self._days: set[date] = set()

    async def claim(self, starts: Mapping[Partition, int]) -> dict[Partition, int]:
        """Take over partitions, given where each one's log starts, and return where to go on.

        Raises Bug where the log starts above the stored progress: records were lost, and nothing may
        go on until an operator has accepted the range that the message names.
        """
        async with self._pool.acquire() as connection:
            offsets = await self.ownership.claim(connection, starts)
        for at, offset in offsets.items():
            if starts[at] > offset:
                raise Bug(f"{at.topic}[{at.number}] has lost the records {offset} to {starts[at] - 1}")
        return offsets

    async def run(self, records: Sequence[Record]) -> dict[Partition, int]:
        """Do everything that a batch asks for, commit, and return each owned partition's next offset.

        Raises what the database raises; nothing has then happened.
        """
        messages, refused = self._decode(records)
        spans, fresh = spans_of(records), records
        async with transaction(self._pool, _tenants(messages)) as connection:
            rows = self.ownership.foreseen(spans)
            opened = None if rows is None else await self._open(connection, messages, rows)
            if rows is None or opened is None:
                rows = await self.ownership.lock(connection, spans)
                fresh = _above(rows, records)
                if len(fresh) < len(records):
                    messages, refused = self._decode(fresh)
                opened = await self._open(connection, messages)
            if opened is None:
                raise AssertionError("where no progress is named, none can stand elsewhere")
            steps = self.ownership.steps(rows, spans)
            unit = await self._unit(connection, messages, opened)
            for record, error in refused:
                await self._put_aside(unit, record, error)
            await self._finish(unit, steps, fresh)
        return self._settle(steps)

    async def bury(self, record: Record, error: Reject) -> dict[Partition, int]:
        """Dead-letter one record that the database refuses, without folding it."""
        async with transaction(self._pool, [OPERATOR]) as connection:
            spans = spans_of([record])
            rows = await self.ownership.lock(connection, spans)
            fresh = _above(rows, [record])
            unit = Unit(connection, self._partitions)
            for lost in fresh:
                await self._put_aside(unit, lost, error)
            steps = self.ownership.steps(rows, spans)
            await self._finish(unit, steps, fresh)
        return self._settle(steps)

    async def _put_aside(self, unit: Unit, record: Record, error: Reject) -> None:
        """Dead-letter a record that has not become a message, or never can be folded."""
        unit.outgoing.append(dead_letter(self.consumer, OPERATOR, record, error))
        unit.end(record, Outcome.DEAD_LETTERED)

    def _settle(self, steps: Mapping[Partition, Step]) -> dict[Partition, int]:
        for at, step in steps.items():
            telemetry.outcomes(
                self.consumer, at.topic, {str(name): count for name, count in step.counts.items()}
            )
        return self.ownership.settle(steps)

    def _decode(self, records: Sequence[Record]) -> tuple[list[Message[Any]], list[tuple[Record, Reject]]]:
        messages: list[Message[Any]] = []
        refused: list[tuple[Record, Reject]] = []
        for record in records:
            try:
                messages.append(self._handler.decode(record))
            except Reject as error:
                refused.append((record, error))
        return messages, refused

    async def _open(
        self, connection: Connection, messages: Sequence[Message[Any]], progress: Progress = NOTHING
    ) -> Opened | None:
        """Take the locks and enter the inbox; None where a row does not stand at its ``progress``."""
        await self._open_days({_day(message.as_of) for message in messages})
        return await open_unit(
            connection,
            self.consumer,
            progress,
            tenants={message.tenant for message in messages},
            learners={(message.tenant, message.learner) for message in messages},
            arrivals=[self._arrival(message) for message in messages],
        )

    async def _unit(self, connection: Connection, messages: Sequence[Message[Any]], opened: Opened) -> Unit:
        telemetry.link(message.traceparent for message in messages)
        await self._reload(connection, opened.epochs)
        unit = Unit(connection, self._partitions, opened.epochs, opened.timers)
        accepted = _timed(self._new(unit, messages, opened.seen), opened.stood)
        if accepted:
            await self._handler.fold(unit, accepted)
            unit.moved.update(_moved(accepted, opened.stood))
        await self._dead_letters(unit)
        return unit

    async def _reload(self, connection: Connection, epochs: Mapping[TenantId, int]) -> None:
        for tenant, epoch in epochs.items():
            if self._epochs.get(tenant) != epoch:
                await self._handler.reload(connection, tenant, epoch)
                self._epochs[tenant] = epoch

    def _new(self, unit: Unit, messages: Sequence[Message[Any]], seen: Sequence[Seen]) -> list[Message[Any]]:
        new: list[Message[Any]] = []
        for message, verdict in zip(messages, seen, strict=True):
            match verdict:
                case Seen.NEW:
                    new.append(message)
                case Seen.DUPLICATE:
                    unit.end(message.record, Outcome.DUPLICATE)
                case Seen.CONFLICT:
                    unit.outgoing.append(dead_letter(self.consumer, message.tenant, message.record, CONFLICT))
                    unit.end(message.record, Outcome.DEAD_LETTERED)
        return new

    async def _open_days(self, days: set[date]) -> None:
        # On a connection of its own: opening a day must not hold its lock for the length of a unit.
        for day in sorted(days - self._days):
            await self._pool.execute("select chassis.open_inbox_day($1)", day)
        self._days |= days

    def _arrival(self, message: Message[Any]) -> Arrival:
        known = identity(self.consumer, message.source, message.event_id)
        return Arrival(message.tenant, _day(message.as_of), known, message.digest)

    async def _dead_letters(self, unit: Unit) -> None:
        for message, error in unit.rejected:
            unit.outgoing.append(dead_letter(self.consumer, message.tenant, message.record, error))
        await close(unit.connection, [self._arrival(message) for message, _ in unit.rejected])

    async def _finish(self, unit: Unit, steps: Mapping[Partition, Step], fresh: Sequence[Record]) -> None:
        for at, counts in unit.counts(fresh).items():
            steps[at].counts = counts
        await unit.timers.store(unit.connection, unit.writes)
        await close_unit(unit, self.consumer, steps)


def _above(rows: Progress, records: Sequence[Record]) -> Sequence[Record]:
    """Return the records that are neither done nor another owner's."""
    return [record for record in records if record.offset >= rows.get(record.at, record.offset + 1)]


def _tenants(messages: Sequence[Message[Any]]) -> list[TenantId]:
    return sorted({OPERATOR, *(message.tenant for message in messages)})


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _timed(messages: Sequence[Message[Any]], stood: Mapping[LearnerKey, datetime]) -> list[Accepted[Any]]:
    now = dict(stood)
    accepted: list[Accepted[Any]] = []
    for message in messages:
        key = message.tenant, message.learner
        now[key] = max(now[key], message.as_of)
        accepted.append(Accepted(message, now[key]))
    return accepted


def _moved(
    accepted: Sequence[Accepted[Any]], stood: Mapping[LearnerKey, datetime]
) -> dict[LearnerKey, datetime]:
    last = {(each.message.tenant, each.message.learner): each.as_of for each in accepted}
    return {key: as_of for key, as_of in last.items() if as_of > stood[key]}
