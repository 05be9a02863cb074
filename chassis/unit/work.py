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

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Literal

from cairn.ids import TenantId
from chassis import metrics, tracing
from chassis.database import Connection, Pool, Sessions, transaction
from chassis.errors import Reject
from chassis.metric_catalogue import OUTCOMES
from chassis.streams.handler import Handler
from chassis.streams.message import NO_OFFSETS, Message, Offsets, Partition, Record
from chassis.unit import parking
from chassis.unit.asides import put_aside
from chassis.unit.blame import folding
from chassis.unit.closing import close_unit
from chassis.unit.deadletter import DeadLetter, dead_letter
from chassis.unit.done import Done, EndsWith, Raised
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
from chassis.unit.opening import Opened, open_unit
from chassis.unit.outbox import Partitions
from chassis.unit.owner import Owner
from chassis.unit.ownership import spans_of
from chassis.unit.parking import Aside, Head
from chassis.unit.sorting import Sorted, sort_out
from chassis.unit.timing import check_timed, moved, timed
from chassis.unit.unit import Unit

CONFLICT = Reject("conflict", "id")


class UnitOfWork(Owner):
    """Runs the units of one consumer."""

    isolation: ClassVar[Literal["read_committed", "read_uncommitted"]] = "read_uncommitted"
    """Which records of a topic are read; internal topics hold no aborted ones (design section 2)."""

    parks: ClassVar[bool] = True
    """Whether a record that cannot be folded holds up what follows of its learner."""

    def __init__(self, pool: Pool, handler: Handler[Any], partitions: Partitions) -> None:
        """Begin with no partition owned and no rules loaded."""
        super().__init__(pool, handler.consumer)
        self.days = InboxDays(pool)
        self.handler = handler
        self._partitions = partitions
        self._epochs: dict[TenantId, int] = {}
        self.forgotten = 0
        """How often all was forgotten that was read; whoever prepares a transaction compares."""
        self._sessions = Sessions()

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
            except EndsWith as at:
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
            if self.has_forgotten_since(known, connection):
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
            for outcome, count in step.counts.items():
                metrics.add(OUTCOMES, count, self.consumer, at.topic, str(at.number), str(outcome))
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
        tracing.link(message.traceparent for message in messages_of(items))
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

    def has_forgotten_since(self, known: int, connection: Connection) -> bool:
        """Forget what was read in other sessions where this is a new one; tell whether anybody has since.

        ``known`` is how often that had been before what now goes into the session was prepared.
        """
        if self._sessions.renewed(connection):
            self._epochs.clear()
            self.days.forget()
            self.forgotten += 1
        return self.forgotten != known

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
        """Fold messages in their order, and move their learners' time on.

        Raises Raised where one fails, and EndsWith where one was put aside that had moved the time of others.
        """
        accepted = timed(messages, opened.stood)
        if not accepted:
            return
        with folding(unit):
            await self.handler.fold(unit, accepted)
        if aside := {place_of(each.record) for each in unit.asides}:
            accepted = [each for each in accepted if place_of(each.message.record) not in aside]
            check_timed(messages, accepted, opened.stood)
        unit.moved.update(moved(accepted, opened.stood))

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
            raise EndsWith(last)

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
