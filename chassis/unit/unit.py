# SPDX-License-Identifier: Apache-2.0
"""What a handler may do inside a unit of work.

Nothing here commits, acknowledges or knows of offsets; see :mod:`chassis.unit.work` for the order
of things around it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import MappingProxyType
from typing import Any

from cairn.cloudevents import CloudEvent, to_kafka
from cairn.events.change import Change, change_of
from cairn.ids import LearnerId, TenantId, topic_key
from chassis.database import Connection, check_open
from chassis.errors import Reject
from chassis.streams.message import Accepted, Message, Partition, Record
from chassis.tracing import Steps
from chassis.unit.deadletter import DeadLetter
from chassis.unit.due import Due, Timers
from chassis.unit.fence import Outcome
from chassis.unit.learners import LearnerKey
from chassis.unit.outbox import Outgoing, Partitions, headers_text, partition_of
from chassis.unit.parking import GAP, WAITS, Aside
from chassis.unit.writes import Writes

# The loop must get a turn this often, for heartbeats to be sent (design section 4).
_LONGEST_STRETCH = 0.020


class Unit:
    """One unit of work: its connection, the epochs it holds, and what it publishes."""

    def __init__(
        self,
        connection: Connection,
        partitions: Partitions,
        epochs: Mapping[TenantId, int] = MappingProxyType({}),
        timers: Timers | None = None,
    ) -> None:
        """Begin inside a transaction whose locks, if it needs any, are already taken.

        One that locks no tenant and no learner has neither epochs nor timers.
        """
        self.connection = connection
        self.writes = Writes()
        self.outgoing: list[Outgoing] = []
        self.timers = timers or Timers(())
        self.dead_letters: list[DeadLetter] = []
        self.asides: list[Aside] = []
        self.current: Message[Any] | None = None
        self.steps = Steps()
        self.moved: dict[LearnerKey, datetime] = {}
        self.filled: set[LearnerKey] = set()
        """Of whom a record was refused, and then one came that it was too early for."""
        self._held: dict[LearnerKey, Change | None] = {}
        self._outcomes: dict[tuple[Partition, int], Outcome] = {}
        self._epochs = epochs
        self._partitions = partitions
        self._turn = time.monotonic()
        self.folding = 0.0

    def epoch(self, tenant: TenantId) -> int:
        """Return the tenant's rule epoch, which holds still until the unit ends."""
        return self._epochs[tenant]

    def publish(self, topic: str, tenant: TenantId, learner: LearnerId, event: CloudEvent) -> None:
        """Publish an event about a learner when the unit commits."""
        key = topic_key(tenant, learner)
        headers, value = to_kafka(event)
        headers += self.steps.headers(event.extensions.get("traceparent"))
        partition = partition_of(key, self._partitions.of(topic))
        self.outgoing.append(Outgoing(tenant, topic, partition, key, headers_text(headers), value))

    def due(self, due: Due) -> None:
        """Set a timer for a learner."""
        self.timers.set(due)

    def cancel_due(self, tenant: TenantId, learner: LearnerId, kind: str, ref: str) -> None:
        """Take back a learner's timers of one kind and reference."""
        self.timers.cancel((tenant, learner), kind, ref)

    def fire(self, accepted: Accepted[Any]) -> Sequence[Due]:
        """Return what falls due for the learner up to this record; call it before folding the record."""
        message = accepted.message
        return self.timers.take((message.tenant, message.learner), accepted.as_of)

    def begin(self, accepted: Accepted[Any]) -> bool:
        """Turn to a record; False where an earlier one of its learner was refused, and it has to wait.

        One that fills the gap that the refused one leaves does not: it is what is waited for.
        """
        self.current = message = accepted.message
        self.steps.begin(message)
        if not self._held or (learner := (message.tenant, message.learner)) not in self._held:
            return True
        early, change = self._held[learner], change_of(message.event)
        if early is None or change is None or not change.comes_before(early):
            self.refuse(message, WAITS)
            return False
        self.filled.add(learner)
        return True

    def ignore(self, message: Message[Any]) -> None:
        """Say that the message needs nothing done, such as a revision that is already past."""
        self.end(message.record, Outcome.IGNORED)

    def refuse(self, message: Message[Any], error: Reject) -> None:
        """Leave a message out, and all that follows of its learner; nothing may have been done for it.

        A gap in its revisions parks it until what is missing has come; anything else is a bug.
        """
        learner, change = (message.tenant, message.learner), change_of(message.event)
        self._held.setdefault(learner, change if error.reason == GAP else None)
        if error is not WAITS:  # what was let through has left a gap itself
            self.filled.discard(learner)
        self.asides.append(Aside(message.record, learner, error, change, entered=True))

    def end(self, record: Record, outcome: Outcome) -> None:
        """Note how a record ended, when it is not applied."""
        self._outcomes[record.at, record.offset] = outcome

    def outcome_of(self, record: Record) -> Outcome:
        """Return how a record ended."""
        return self._outcomes.get((record.at, record.offset), Outcome.APPLIED)

    def counts(self, records: Iterable[Record]) -> dict[Partition, Counter[Outcome]]:
        """Count the unit's records by how they ended, in each partition."""
        totals = Counter(record.at for record in records)
        counts = {at: Counter({Outcome.APPLIED: total}) for at, total in totals.items()}
        for (at, _), outcome in self._outcomes.items():
            counts[at][Outcome.APPLIED] -= 1
            counts[at][outcome] += 1
        return counts

    async def flush(self) -> None:
        """Carry out now what has been written so far, so that what is loaded next sees it."""
        await self.writes.carry_out(self.connection, "select")
        self.writes = Writes()

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Add the time within to how long the unit's handler has folded."""
        began = time.monotonic()
        yield
        self.folding += time.monotonic() - began

    async def breathe(self) -> None:
        """Give the loop a turn if the last one was long ago; call it between learners.

        Raises what a statement would where there is no transaction any more: all further thought is in vain.
        """
        if time.monotonic() - self._turn > _LONGEST_STRETCH:
            await asyncio.sleep(0)
            self._turn = time.monotonic()
            check_open(self.connection)
