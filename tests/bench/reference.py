# SPDX-License-Identifier: Apache-2.0
"""The bare loop that the pipeline is compared with: aiokafka, pydantic, one ``unnest`` insert, commit.

It takes in the very same records, from a topic and into a table of its own, and does nothing that
Cairn is for: no identity, no inbox, no encryption, no learner, no rule, no outbox, no record.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import ConsumerRecord
from pydantic import TypeAdapter

from cairn.cloudevents import CloudEvent
from cairn.events.native import NativeResult
from cairn.topics.catalogue import DEFAULT_PARTITIONS
from deploy.local.provision import drop_database
from deploy.local.stack import Endpoints
from tests.bench.processes import machine
from tests.bench.stream import encoded

DATABASE = "cairn_bench_reference"
BATCH = 2000

_TABLE = """
create table result (
    event_id text primary key, learner text not null, activity text not null,
    score numeric, occurred_at timestamptz not null
)
"""
_INSERT = """
insert into result
select * from unnest($1::text[], $2::text[], $3::text[], $4::numeric[], $5::timestamptz[])
"""
_native = TypeAdapter(NativeResult)


@dataclass(frozen=True, slots=True)
class Reference:
    """How long the loop took, and the CPU seconds of itself, the broker and the database."""

    seconds: float
    cpu: Mapping[str, float]


async def reference(endpoints: Endpoints, folder: Path, events: Sequence[CloudEvent]) -> Reference:
    """Take all results in by the loop; the records lie in the topic before the clock starts."""
    # A bench that was killed leaves its topic, and its group's offsets, behind.
    topic = f"bench.{uuid4()}"
    found = machine(folder)
    async with _topic(endpoints.bootstrap, topic), _database(endpoints.admin) as connection:
        async with encoded(endpoints.bootstrap, events) as stream:
            await stream.publish(topic)
        before = found.cpu()
        seconds = await _consume(endpoints.bootstrap, topic, connection, len(events))
        cpu = await found.itemise(endpoints.admin, before, found.cpu())
        stored = await connection.fetchval("select count(*) from result")
    if stored != len(events):
        message = f"the reference stored {stored} of {len(events)} results"
        raise AssertionError(message)
    return Reference(seconds, cpu)


async def _consume(bootstrap: str, topic: str, connection: asyncpg.Connection, wanted: int) -> float:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=topic,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=16 * 1024 * 1024,
    )
    await consumer.start()
    try:
        begun, done = 0.0, 0
        while done < wanted:
            polled = await consumer.getmany(timeout_ms=1000, max_records=BATCH)
            begun = begun or time.perf_counter()
            records = [record for batch in polled.values() for record in batch]
            if records:
                await connection.execute(_INSERT, *_columns(records))
                await consumer.commit()
            done += len(records)
        return time.perf_counter() - begun
    finally:
        await consumer.stop()


def _columns(records: Sequence[ConsumerRecord]) -> tuple[list[object], ...]:
    results = [_native.validate_json(record.value) for record in records]
    return (
        [record.key.decode() for record in records],
        [result.learner.value for result in results],
        [result.activity for result in results],
        [None if result.score is None else result.score.raw for result in results],
        [result.occurred_at for result in results],
    )


@asynccontextmanager
async def _topic(bootstrap: str, topic: str) -> AsyncIterator[None]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, DEFAULT_PARTITIONS, 1)])
        yield
        await admin.delete_topics([topic])
    finally:
        await admin.close()


@asynccontextmanager
async def _database(admin: str) -> AsyncIterator[asyncpg.Connection]:
    await drop_database(admin, DATABASE)
    server = await asyncpg.connect(admin)
    try:
        await server.execute(f"create database {DATABASE}")
    finally:
        await server.close()
    connection = await asyncpg.connect(urlunsplit(urlsplit(admin)._replace(path=f"/{DATABASE}")))
    try:
        await connection.execute(_TABLE)
        yield connection
    finally:
        await connection.close()
        await drop_database(admin, DATABASE)
