# SPDX-License-Identifier: Apache-2.0
"""A probe for each test: its own topics on the shared broker, its own database on the shared server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from aiokafka.admin import NewTopic, RecordsToDelete
from aiokafka.structs import TopicPartition

from chassis.database import Pool, open_pool
from tests.integration.chassis.probe.running import PARTITIONS, Probe
from tests.integration.chassis.probe.topics import make, with_admin
from tests.integration.databases import Databases

FOLDER = Path(__file__).parent / "probe"


@pytest.fixture
async def probe(broker: str, databases: Databases) -> AsyncIterator[Probe]:
    async with made_probe(broker, databases) as probe:
        yield probe


@pytest.fixture
async def downstream(broker: str, databases: Databases, probe: Probe) -> AsyncIterator[Probe]:
    """Another service, with a database of its own, that consumes what the probe publishes."""
    async with made_probe(broker, databases) as other:
        yield replace(other, topic=probe.published)


@asynccontextmanager
async def made_probe(broker: str, databases: Databases) -> AsyncIterator[Probe]:
    name = uuid4().hex[:12]
    topics = [f"probe.{name}", f"probe.{name}.out", f"probe.{name}.dlq"]
    await make(broker, [NewTopic(topic, PARTITIONS, 1) for topic in topics])
    async with databases.made("probe", FOLDER) as made:
        consume, serve, relay = (made.dsns[role] for role in ("consume", "serve", "relay"))
        yield Probe(broker, topics[0], topics[1], consume, serve, relay, databases.as_admin(made))
    await with_admin(broker, lambda admin: admin.delete_topics(topics))


@pytest.fixture
async def pool(probe: Probe) -> AsyncIterator[Pool]:
    pool = await open_pool(probe.consume, 3)
    yield pool
    await pool.close()


@pytest.fixture
async def admin(probe: Probe) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(probe.admin)
    yield connection
    await connection.close()


@pytest.fixture
def set_back() -> Callable[[Probe], Awaitable[None]]:
    """Forget everything that was ever folded, as a database restored from before the first record."""

    async def forget(probe: Probe) -> None:
        connection = await asyncpg.connect(probe.admin)
        await connection.execute(
            "truncate probe.tally, chassis.inbox, chassis.learner, chassis.due, chassis.outbox;"
            " update chassis.fence set next_offset = 0, applied = 0"
        )
        await connection.close()

    return forget


@pytest.fixture
def delete_before() -> Callable[[Probe], Awaitable[None]]:
    """Delete all records that the log holds now, as retention would."""

    async def delete(probe: Probe) -> None:
        everything = {
            TopicPartition(probe.topic, number): RecordsToDelete(-1) for number in range(PARTITIONS)
        }
        await with_admin(probe.bootstrap, lambda admin: admin.delete_records(everything))

    return delete
