# SPDX-License-Identifier: Apache-2.0
"""Counts what the services have done and what is still under way, as their own roles may read it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from cairn.brokers import connection
from cairn.topics.catalogue import (
    ASSESSMENT_REEVALUATIONS,
    COMPETENCY_EVENTS,
    DECISIONS,
    RECOGNITION_REEVALUATIONS,
    RESULTS,
    ingest_topic,
)
from deploy.local.cohort.submission import SOURCE, TENANT
from deploy.local.layout import SERVICES, Layout

INGEST = ingest_topic(SOURCE).name
CONSUMED = {
    "assessment": (INGEST, RESULTS.name, ASSESSMENT_REEVALUATIONS.name),
    "recognition": (COMPETENCY_EVENTS.name, RECOGNITION_REEVALUATIONS.name),
    "records": (DECISIONS.name,),
}
_FENCE = """
select topic, partition, next_offset, applied, duplicate, ignored, parked, dead_lettered
from chassis.fence where topic = any ($1::text[])
"""
_LENGTH = "select coalesce(max(length), 0) from records.extent where tenant = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How far everything has come since the installation was made; ``under_way`` is what moves still."""

    results: int
    duplicates: int
    aside: int
    events: int
    decisions: int
    entries: int
    under_way: int


class Counter:
    """Counts by one connection per role and one consumer that asks where the topics end."""

    def __init__(
        self,
        serve: dict[str, asyncpg.Connection],
        relay: dict[str, asyncpg.Connection],
        schedule: asyncpg.Connection,
        consumer: AIOKafkaConsumer,
    ) -> None:
        self._serve = serve
        self._relay = relay
        self._schedule = schedule
        self._consumer = consumer

    async def count(self) -> Counts:
        """Count once; parts are read one after the other, so only a repeated zero means quiet."""
        fences = [row for service in SERVICES for row in await self._fences(service)]
        unread = await self._unread(fences)
        unsent = [
            await relay.fetchval("select count(*) from chassis.outbox") for relay in self._relay.values()
        ]
        unplaced = await self._schedule.fetchval("select count(*) from records.unsequenced")
        ingested = [row for row in fences if row["topic"] == INGEST]
        return Counts(
            results=sum(map(_consumed, ingested)),
            duplicates=sum(row["duplicate"] for row in ingested),
            aside=sum(row["dead_lettered"] + row["parked"] for row in fences),
            events=sum(_consumed(row) for row in fences if row["topic"] == COMPETENCY_EVENTS.name),
            decisions=sum(_consumed(row) for row in fences if row["topic"] == DECISIONS.name),
            entries=await self._entries(),
            under_way=unread + sum(unsent) + unplaced,
        )

    async def _fences(self, service: str) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._serve[service].fetch(_FENCE, list(CONSUMED[service]))
        return rows

    async def _entries(self) -> int:
        records = self._serve["records"]
        async with records.transaction(readonly=True):
            await records.execute("select set_config('cairn.tenants', $1, true)", TENANT)
            return int(await records.fetchval(_LENGTH, TENANT))

    async def _unread(self, fences: list[asyncpg.Record]) -> int:
        # A consumer that is ready has claimed a row for every partition of its topics.
        read = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in fences}
        ends = await self._consumer.end_offsets(list(read))
        return sum(max(0, end - read[at]) for at, end in ends.items())


@asynccontextmanager
async def counting(layout: Layout) -> AsyncIterator[Counter]:
    """Open the connections of a counter."""
    async with AsyncExitStack() as opened:

        async def connect(service: str, role: str) -> asyncpg.Connection:
            connected = await asyncpg.connect(layout.databases[service].dsns[role])
            opened.push_async_callback(connected.close)
            return connected

        consumer = AIOKafkaConsumer(
            **connection(layout.brokers), enable_auto_commit=False, client_id="cairn-counter"
        )
        opened.push_async_callback(consumer.stop)
        await consumer.start()
        yield Counter(
            {service: await connect(service, "serve") for service in SERVICES},
            {service: await connect(service, "relay") for service in SERVICES},
            await connect("records", "schedule"),
            consumer,
        )


def _consumed(row: asyncpg.Record) -> int:
    return int(row["applied"] + row["duplicate"] + row["ignored"] + row["parked"] + row["dead_lettered"])
