# SPDX-License-Identifier: Apache-2.0
"""The probe as a running consumer and relay, in this process, under either runner."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from aiokafka import AIOKafkaConsumer

from chassis.database import open_pool
from chassis.health import Health
from chassis.relay.relay import Relay
from chassis.streams.aiokafka_runner import AiokafkaRunner, ConsumerSettings
from chassis.streams.faust_runner import FaustRunner
from chassis.unit.outbox import Partitions
from chassis.unit.replay import Replays
from chassis.unit.work import UnitOfWork
from tests.integration.chassis.probe.handler import Tally

RUNNERS: dict[str, type[AiokafkaRunner] | type[FaustRunner]] = {
    "aiokafka": AiokafkaRunner,
    "faust": FaustRunner,
}
PARTITIONS = 3


@dataclass(frozen=True, slots=True)
class Probe:
    """Where one test's probe lives: its topics, and the database by role."""

    bootstrap: str
    topic: str
    published: str
    consume: str
    serve: str
    relay: str
    admin: str

    @property
    def consumer(self) -> str:
        """The consumer's name, which is its group's too."""
        return f"tally-{self.topic}"


@asynccontextmanager
async def consuming(probe: Probe, runner: str, batch_size: int = 500) -> AsyncIterator[Tally]:
    """Consume until the block is left, then stop as a process would on SIGTERM."""
    handler = Tally(probe.consumer, probe.topic, probe.published)
    async with running(probe, runner, handler, batch_size):
        yield handler


@asynccontextmanager
async def running(
    probe: Probe, runner: str, handler: Tally, batch_size: int, units: type[UnitOfWork] = UnitOfWork
) -> AsyncIterator[Health]:
    """Run a handler; an error that ends the consumer is raised when the block is left."""
    pool = await open_pool(probe.consume, 3)
    settings = settings_of(probe, handler, batch_size)
    work = units(pool, handler, Partitions(PARTITIONS, {}))
    health = Health()
    stop = asyncio.Event()
    task = asyncio.create_task(RUNNERS[runner](settings, work, health).run(stop))
    replays = asyncio.create_task(Replays(pool, work).run(stop))
    try:
        yield health
    finally:
        stop.set()
        try:
            await asyncio.wait_for(asyncio.gather(task, replays), 20)
        finally:
            await pool.close()


def settings_of(probe: Probe, handler: Tally, batch_size: int) -> ConsumerSettings:
    """Return how a handler is run here: a consumer that goes away is soon noticed."""
    return ConsumerSettings(
        bootstrap=probe.bootstrap,
        group=handler.consumer,
        topics=handler.topics,
        batch_size=batch_size,
        session_timeout_ms=6000,
        heartbeat_ms=500,
    )


async def ends_by_itself(probe: Probe, runner: str) -> None:
    """Run a consumer until it ends unasked, and raise what it ends with."""
    handler = Tally(probe.consumer, probe.topic, probe.published)
    pool = await open_pool(probe.consume, 3)
    work = UnitOfWork(pool, handler, Partitions(PARTITIONS, {}))
    try:
        async with asyncio.timeout(30):
            await RUNNERS[runner](settings_of(probe, handler, 500), work, Health()).run(asyncio.Event())
    finally:
        await pool.close()


@asynccontextmanager
async def relaying(probe: Probe, slots: int = 2) -> AsyncIterator[Health]:
    """Relay the probe's outbox until the block is left."""
    pool = await open_pool(probe.relay, 5)
    health, stop = Health(), asyncio.Event()
    task = asyncio.create_task(Relay(pool, probe.bootstrap, slots, health).run(stop))
    try:
        yield health
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)
        await pool.close()


async def eventually(check: Callable[[], Awaitable[object]], seconds: float = 90.0) -> object:
    """Return the first true answer of a check; fail when none comes in time."""
    async with asyncio.timeout(seconds):
        # No event of this process tells what happens in a database.
        while not (answer := await check()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return answer


async def counts(probe: Probe) -> dict[str, int]:
    """Return the outcome counts of the probe's consumer, added up over its partitions."""
    connection = await asyncpg.connect(probe.admin)
    try:
        row = await connection.fetchrow(
            "select coalesce(sum(applied), 0) as applied, coalesce(sum(duplicate), 0) as duplicate,"
            " coalesce(sum(ignored), 0) as ignored, coalesce(sum(parked), 0) as parked,"
            " coalesce(sum(dead_lettered), 0) as dead_lettered from chassis.fence where consumer = $1",
            probe.consumer,
        )
    finally:
        await connection.close()
    assert row is not None
    return {name: int(count) for name, count in row.items()}


async def all_is_sent(probe: Probe) -> bool:
    """Tell whether nothing waits to be published: a relay that is stopped leaves what does."""
    connection = await asyncpg.connect(probe.admin)
    try:
        return not await connection.fetchval("select exists (select from chassis.outbox)")
    finally:
        await connection.close()


async def histories(probe: Probe) -> dict[str, str]:
    """Return what has been folded of each learner, in its order."""
    connection = await asyncpg.connect(probe.admin)
    try:
        rows = await connection.fetch("select tenant || '/' || learner, history from probe.tally")
        return {str(key): str(history) for key, history in rows}
    finally:
        await connection.close()


async def read_all(bootstrap: str, topic: str, expected: int) -> list[tuple[str, int, bytes | None]]:
    """Return (key, partition, value) of all of a topic's records, once there are so many.

    Fails when they do not come in time. What comes behind them is read too: a double would be there.
    """
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found: list[tuple[str, int, bytes | None]] = []
    try:
        async with asyncio.timeout(30):
            while len(found) < expected or await _is_behind(consumer):
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    found += [((each.key or b"").decode(), each.partition, each.value) for each in batch]
    finally:
        await consumer.stop()
    return found


async def _is_behind(consumer: AIOKafkaConsumer) -> bool:
    """Tell whether a consumer has not read all that its partitions hold now."""
    ends = await consumer.end_offsets(list(consumer.assignment()))
    return any([await consumer.position(at) < end for at, end in ends.items()])
