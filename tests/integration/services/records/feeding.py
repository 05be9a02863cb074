# SPDX-License-Identifier: Apache-2.0
"""Feeds decisions to the ledger through the unit of work, as records of a topic, without a broker."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg

from cairn.cloudevents import to_kafka
from cairn.events.catalogue import source_of, to_cloudevent
from cairn.events.decision import DecisionKind, DecisionMade
from cairn.ids import LearnerId, TenantId, derived_id, topic_key
from chassis.database import Pool
from chassis.streams.message import Partition, Record
from chassis.unit.outbox import Partitions
from chassis.unit.work import UnitOfWork
from services.records.adapters.postgres_ledger import PostgresLedger
from services.records.adapters.postgres_positions import PostgresPositions
from services.records.app.ledger import DECISIONS, ENTRIES, RecordDecisions
from tests.unit.services.records.decisions import decision
from tests.whole_batch import run_whole

PARTITIONS = Partitions(0, {ENTRIES: 6, f"{DECISIONS}.dlq": 6})
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
LEASE = timedelta(seconds=10)


def made(tenant: str, learner: str, kind: DecisionKind, revision: int, **more: Any) -> DecisionMade:
    """Return a decision about any learner."""
    plain = decision(kind, revision, **more)
    whose = TenantId(tenant), LearnerId(learner)
    event_id = derived_id(*whose, f"award:{plain.credential}", revision, [kind])
    return replace(plain, tenant=whose[0], learner=whose[1], decision_id=event_id)


def life(tenant: str, learner: str, *kinds: DecisionKind, **more: Any) -> list[DecisionMade]:
    """Return decisions about one award, one after another."""
    return [made(tenant, learner, kind, revision, **more) for revision, kind in enumerate(kinds, start=1)]


def headers_and_value(event: DecisionMade) -> tuple[list[tuple[str, bytes]], bytes | None]:
    """Return a decision as recognition publishes it."""
    envelope = to_cloudevent(
        event,
        id=event.decision_id,
        source=source_of("recognition", event.tenant),
        tenant=event.tenant,
        learner=event.learner,
        as_of=event.as_of,
        traceparent=PARENT,
    )
    return to_kafka(envelope)


class Feed:
    """One partition of decisions, read by one consumer."""

    def __init__(self, pool: Pool) -> None:
        self.work = UnitOfWork(pool, RecordDecisions(PostgresLedger()), PARTITIONS)
        self.offset = 0

    async def claim(self) -> None:
        """Take over the partition where the database says that it is."""
        at = Partition(DECISIONS, 0)
        self.offset = (await self.work.claim({at: 0}))[at]

    async def take(self, decisions: Sequence[DecisionMade], size: int = 500) -> None:
        """Fold decisions in batches of a size."""
        for start in range(0, len(decisions), size):
            await run_whole(self.work, [self.record(event) for event in decisions[start : start + size]])

    def record(self, event: DecisionMade) -> Record:
        """Return the next record of the partition."""
        headers, value = headers_and_value(event)
        key = topic_key(event.tenant, event.learner)
        self.offset += 1
        return Record(Partition(DECISIONS, 0), self.offset - 1, key, value, tuple(headers), 0)


async def feed(pool: Pool, decisions: Sequence[DecisionMade], size: int = 500) -> None:
    """Fold decisions as the next ones of the partition."""
    one = Feed(pool)
    await one.claim()
    await one.take(decisions, size)


async def sequence(pool: Pool, holder: str = "test") -> int:
    """Give everything that waits its position; return how much it was."""
    positions = PostgresPositions(pool, holder, LEASE)
    lease = await positions.take()
    assert lease is not None
    count = 0
    while batch := await positions.sequence(lease, 1000):
        count += batch
    await positions.give_back(lease)
    return count


@asynccontextmanager
async def seeing(pool: Pool, *tenants: str) -> AsyncIterator[asyncpg.Connection]:
    """Open a transaction that sees these tenants."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('cairn.tenants', $1, true)", ",".join(tenants))
        yield connection  # type: ignore[misc]  # the proxy has all that a connection has
