# SPDX-License-Identifier: Apache-2.0
"""How far each process has come with its work, told by what it leaves behind."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from cairn.topics.catalogue import DEFAULT_PARTITIONS
from tests.e2e.installation import INGEST, Whole

_CONSUMED = "select sum(applied + duplicate + ignored + parked + dead_lettered) from chassis.fence"
_COUNTED = {
    "assessment-serve": "select sum(stored) from assessment.door_count",
    "assessment-consume-intake": f"{_CONSUMED} where topic = '{INGEST}'",
    "assessment-consume-results": f"{_CONSUMED} where topic = 'assessment.results.v1'",
    "recognition-consume": f"{_CONSUMED} where topic = 'competency.events.v1'",
    "records-consume": f"{_CONSUMED} where topic = 'recognition.decisions.v1'",
    "records-schedule": "select count(*) from records.position",
}
_RELAYED = {
    "assessment-relay": ("assessment.results.v1", "competency.events.v1"),
    "recognition-relay": ("recognition.decisions.v1",),
    "records-relay": ("records.entries.v1",),
}
WORKING = frozenset(_COUNTED) | frozenset(_RELAYED)
"""The processes whose work can be told; the others only answer questions."""


class WorkDone:
    """Counts what was stored, consumed, relayed or placed by each process."""

    def __init__(self, databases: Mapping[str, asyncpg.Pool], consumer: AIOKafkaConsumer) -> None:
        self._databases = databases
        self._consumer = consumer

    async def by(self, name: str) -> int:
        """Return how many items a process has finished; a relay's repeats count again."""
        if name in _RELAYED:
            places = [
                TopicPartition(topic, number)
                for topic in _RELAYED[name]
                for number in range(DEFAULT_PARTITIONS)
            ]
            return sum((await self._consumer.end_offsets(places)).values())
        return int(await self._databases[name.partition("-")[0]].fetchval(_COUNTED[name]) or 0)


@asynccontextmanager
async def counting_work(up: Whole) -> AsyncIterator[WorkDone]:
    """Open the connections that the counting needs."""
    async with AsyncExitStack() as opened:
        pools = {
            service: await opened.enter_async_context(asyncpg.create_pool(dsn, min_size=1, max_size=4))
            for service, dsn in up.databases.items()
        }
        consumer = AIOKafkaConsumer(bootstrap_servers=up.bootstrap, enable_auto_commit=False)
        await consumer.start()
        opened.push_async_callback(consumer.stop)
        yield WorkDone(pools, consumer)
