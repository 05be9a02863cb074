# SPDX-License-Identifier: Apache-2.0
"""One batch, one transaction, READ COMMITTED, always in this order (design section 4).

1. lock the progress rows, and drop what is done already or belongs to another owner;
2. decode each record (it touches nothing, and so comes first in time: the transaction begins with the
   tenants that it may see);
3. hold the rule epochs still; 4. lock the learners; 5. enter the inbox;
6. fold, record by record; what cannot be decoded or folded is put aside, and with it what comes behind
   it of the same learner;
7. write outbox, timers and progress, and commit.

Whoever calls acknowledges to Kafka after that, and only then.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple

import asyncpg

from cairn.ids import TenantId
from chassis import telemetry
from chassis.database import Connection, Pool, Sessions, transaction
from chassis.errors import Reject, Retry
from chassis.sqlstate import OUTSIDE
from chassis.streams.handler import Handler
from chassis.streams.message import NO_OFFSETS, Accepted, Message, Offsets, Partition, Record
from chassis.unit import fence, parking
from chassis.unit.asides import put_aside, raised_by
from chassis.unit.closing import close_unit
from chassis.unit.deadletter import DeadLetter, dead_letter
from chassis.unit.fence import Outcome, Step
from chassis.unit.inbox import Arrival, Seen, identity
from chassis.unit.inbox_days import InboxDays
from chassis.unit.items import (
    Item,
    Place,
    learners_of,
    messages_of,
    place_of,
    read,
    tenants_of,
    unrepeated,
)
from chassis.unit.learners import LearnerKey
from chassis.unit.losses import NO_IDS, TopicIds, check_logs
from chassis.unit.opening import Opened, open_unit
from chassis.unit.outbox import Partitions
from chassis.unit.ownership import Ownership, spans_of
from chassis.unit.parking import Aside, Head
from chassis.unit.sorting import Sorted, sort_out
from chassis.unit.unit import Unit

NONE_RAISED: Mapping[Place, Reject] = MappingProxyType({})
NO_RECORDS: tuple[type[Exception], ...] = (asyncpg.PostgresError, *OUTSIDE, Retry)
"""What a handler raises that is no fault of the record it is at, or not to be laid to it yet."""

CONFLICT = Reject("conflict", "id")


class Done(NamedTuple):
    """What a unit of work has committed."""

    offsets: dict[Partition, int]
    """The next offset of each partition that is owned."""
    left: Sequence[Record] = ()
    """What it has not taken, because the breaker opened before."""
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


class _EndsWith(Exception):
    """The breaker opens at a record, and nothing behind it may be taken."""

    def __init__(self, record: Record) -> None:
        super().__init__()
        self.record = record


class UnitOfWork:
    """Runs the units of one consumer."""

    isolation: ClassVar[Literal["read_committed", "read_uncommitted"]] = "read_uncommitted"
    """Which records of a topic are read; internal topics hold no aborted ones (design section 2)."""

    parks: ClassVar[bool] = True
    """Whether a record that cannot be folded holds up what follows of its learner."""

    def __init__(self, pool: Pool, handler: Handler[Any], partitions: Partitions) -> None:
        """Begin with no partition owned and no rules loaded."""
        self.consumer = handler.consumer
        self.ownership = Ownership(handler.consumer)
        self.days = InboxDays(pool)
        self._pool = pool
        self.handler = handler
        self._partitions = partitions
        self._epochs: dict[TenantId, int] = {}
        self.forgotten = 0
        """How often all was forgotten that was read; whoever prepares a transaction compares."""
        self._sessions = Sessions()

    async def claim(
        self, starts: Offsets, ends: Offsets = NO_OFFSETS, ids: TopicIds = NO_IDS
    ) -> dict[Partition, int]:
        """Take over partitions, given where each one's log starts and ends, and return where to go on.

        Raises RecordsLost where a log does not reach to the stored progress or is of a topic that was
        made again: nothing may go on until an operator has accepted the loss that the message names.
        """
        async with self._pool.acquire() as connection:
            await check_logs(connection, self.consumer, starts, ends, ids)
            return await self.ownership.claim(connection, starts, ids)

    async def check_logs(self, starts: Offsets, ends: Offsets) -> None:
        """Raise RecordsLost where a log no longer reaches to the stored progress."""
        async with self._pool.acquire() as connection:
            await check_logs(connection, self.consumer, starts, ends, NO_IDS)

    async def look(self, ids: TopicIds) -> None:
        """Disown partitions that stand elsewhere by now; nobody need be at work for that.

        Raises RecordsLost where a topic has been made again since it was claimed.
        """
        async with self._pool.acquire() as connection:
            await check_logs(connection, self.consumer, NO_OFFSETS, NO_OFFSETS, ids)
            await self.ownership.look(connection)

    async def stored(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return each partition's progress as it is stored, whoever owns it."""
        async with self._pool.acquire() as connection:
            return await fence.look(connection, self.consumer, partitions)

    async def pass_over(self, ahead: Mapping[Partition, tuple[int, int]]) -> None:
        """Move the progress from where it stood to a position: whatever lies between is no record."""
        async with self._pool.acquire() as connection:
            await self.ownership.pass_over(connection, ahead)

    async def run(self, records: Sequence[Record]) -> Done:
        """Do everything that a batch asks for, and commit.

        A record at which the handler raises is put aside, and all others done again without it. Raises
        what the database raises, and BreakerOpen; nothing has then happened.
        """
        raised: dict[Place, Reject] = {}
        taken = records = unrepeated(records)
        while True:
            try:
                done = await self._once(taken, raised)
            except Raised as at:
                raised[place_of(at.record)] = at.error
            except _EndsWith as at:
                taken = taken[: taken.index(at.record) + 1]
            else:
                return done._replace(left=records[len(taken) :])

    async def bury(self, record: Record, error: Reject) -> Done:
        """Put one record aside that the database refuses, without folding it."""
        return await self._once([record], {place_of(record): error})

    async def _once(self, records: Sequence[Record], raised: Mapping[Place, Reject]) -> Done:
        while (done := await self._in_one_session(records, raised)) is None:
            pass
        return done

    async def _in_one_session(self, records: Sequence[Record], raised: Mapping[Place, Reject]) -> Done | None:
        """Do what a batch asks for; None, with nothing done, where the unit has to begin again."""
        items, known = read(self.handler, records), self.forgotten
        await self.open_days(items)
        spans, fresh = spans_of(records), records
        async with transaction(self._pool, tenants_of(items)) as connection:
            if self.renewed(connection) or self.forgotten != known:
                return None
            rows = self.ownership.foreseen(spans)
            opened = None if rows is None else await self._open(connection, items, rows)
            if rows is None or opened is None:
                rows = await self.ownership.lock(connection, spans)
                fresh = _above(rows, records)
                if len(fresh) < len(records):
                    items = read(self.handler, fresh)
                opened = _opened(await self._open(connection, items))
            steps = self.ownership.steps(rows, spans)
            unit = await self._unit(connection, items, opened, raised)
            await self._finish(unit, steps, fresh)
        offsets = self._settle(steps)
        return Done(offsets, (), frozenset(spans) - offsets.keys(), unit.folding)

    def _settle(self, steps: Mapping[Partition, Step]) -> dict[Partition, int]:
        for at, step in steps.items():
            telemetry.outcomes(
                self.consumer, at.topic, {str(name): count for name, count in step.counts.items()}
            )
        return self.ownership.settle(steps)

    async def _open(
        self, connection: Connection, items: Sequence[Item], progress: Offsets = NO_OFFSETS
    ) -> Opened | None:
        """Take the locks and enter the inbox; None where a row does not stand at its ``progress``.

        No progress is asked for where all rows are locked already.
        """
        return await self._enter(connection, set(learners_of(items)), messages_of(items), progress)

    async def _unit(
        self, connection: Connection, items: Sequence[Item], opened: Opened, raised: Mapping[Place, Reject]
    ) -> Unit:
        telemetry.link(message.traceparent for message in messages_of(items))
        await self._reload(connection, opened.epochs)
        unit = self.unit(connection, opened)
        waiting = await parking.heads(connection, self.consumer, learners_of(items)) if opened.held else {}
        found = sort_out(items, opened.seen, waiting, raised)
        self._note(unit, found)
        await self.fold(unit, found.new, opened)
        if asides := [*found.asides, *unit.asides]:
            await self._put_aside(unit, items, asides, waiting)
        if unit.filled:
            await unit.flush()  # where they stand is known once they are parked
            waiting |= await parking.heads(connection, self.consumer, unit.filled)
        filled = found.filling | unit.filled
        parking.ask_again(unit.writes, self.consumer, {key: waiting[key].place for key in filled})
        return unit

    def renewed(self, connection: Connection) -> bool:
        """Tell whether a session is a new one: all that was read in others is then forgotten."""
        if not self._sessions.renewed(connection):
            return False
        self._epochs.clear()
        self.days.forget()
        self.forgotten += 1
        return True

    def unit(self, connection: Connection, opened: Opened) -> Unit:
        """Begin what the handler works on, once everything is locked."""
        return Unit(connection, self._partitions, opened.epochs, opened.timers)

    async def hold(self, connection: Connection, learner: LearnerKey) -> Opened:
        """Take the locks of one learner, whose progress rows are locked already."""
        opened = _opened(await self._enter(connection, [learner], ()))
        await self._reload(connection, opened.epochs)
        return opened

    async def enter(self, connection: Connection, messages: Sequence[Message[Any]]) -> Sequence[Seen]:
        """Enter messages of learners that are locked already; tell which are new."""
        return _opened(await self._enter(connection, (), messages)).seen

    async def _enter(
        self,
        connection: Connection,
        learners: Collection[LearnerKey],
        messages: Sequence[Message[Any]],
        progress: Offsets = NO_OFFSETS,
    ) -> Opened | None:
        return await open_unit(
            connection,
            self.consumer,
            progress,
            tenants={tenant for tenant, _ in learners},
            learners=learners,
            arrivals=[self.arrival(message) for message in messages],
        )

    async def fold(self, unit: Unit, messages: Sequence[Message[Any]], opened: Opened) -> None:
        """Fold messages in their order, and move their learners' time on; raise Raised where one fails."""
        accepted = _timed(messages, opened.stood)
        if not accepted:
            return
        try:
            with unit.timed():
                await self.handler.fold(unit, accepted)
        except NO_RECORDS:
            raise
        except Exception as error:
            if unit.current is None:
                raise
            raise Raised(unit.current.record, raised_by(error)) from error
        if aside := {place_of(each.record) for each in unit.asides}:
            accepted = [each for each in accepted if place_of(each.message.record) not in aside]
        unit.moved.update(_moved(accepted, opened.stood))

    def _note(self, unit: Unit, found: Sorted) -> None:
        for message in found.duplicates:
            unit.end(message.record, Outcome.DUPLICATE)
        for message in found.conflicts:
            unit.outgoing.append(dead_letter(self.consumer, message.tenant, message.record, CONFLICT))
            letter = DeadLetter(message.tenant, self.consumer, message.learner, message.record, CONFLICT)
            unit.dead_letters.append(letter)
            unit.end(message.record, Outcome.DEAD_LETTERED)

    async def _put_aside(
        self, unit: Unit, items: Sequence[Item], asides: Sequence[Aside], waiting: Mapping[LearnerKey, Head]
    ) -> None:
        last = await put_aside(unit, self.consumer, [item.record for item in items], asides, waiting)
        if last is not None:
            raise _EndsWith(last)

    async def _reload(self, connection: Connection, epochs: Mapping[TenantId, int]) -> None:
        for tenant, epoch in epochs.items():
            if self._epochs.get(tenant) != epoch:
                await self.handler.reload(connection, tenant, epoch)
                self._epochs[tenant] = epoch

    async def open_days(self, items: Sequence[Item]) -> None:
        """Open the inbox for the days of what is going to be entered."""
        await self.days.open(message.as_of for message in messages_of(items))

    def arrival(self, message: Message[Any]) -> Arrival:
        """Return what identifies a message to the inbox."""
        known = identity(self.consumer, message.source, message.event_id)
        return Arrival(message.tenant, self.days.of(message.as_of), known, message.digest)

    async def _finish(self, unit: Unit, steps: Mapping[Partition, Step], fresh: Sequence[Record]) -> None:
        for at, counts in unit.counts(fresh).items():
            steps[at].counts = counts
        await unit.timers.store(unit.connection, unit.writes)
        await close_unit(unit, self.consumer, steps)


def _opened(found: Opened | None) -> Opened:
    if found is None:
        raise AssertionError("where no progress is named, none can stand elsewhere")
    return found


def _above(rows: Offsets, records: Sequence[Record]) -> Sequence[Record]:
    """Return the records that are neither done nor another owner's."""
    return [record for record in records if record.offset >= rows.get(record.at, record.offset + 1)]


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
