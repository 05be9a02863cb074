# SPDX-License-Identifier: Apache-2.0
"""Puts together the two processes that every service has: a consumer of topics, and the relay."""

from collections.abc import Iterable
from typing import Any, TypeVar

from chassis.database import Pool, open_pool
from chassis.errors import Retry
from chassis.lifecycle import Process
from chassis.outage import outage
from chassis.relay.relay import Relay
from chassis.settings import ServiceSettings
from chassis.sqlstate import OUTSIDE
from chassis.streams.aiokafka_runner import AiokafkaRunner, ConsumerSettings
from chassis.streams.brokers import read_brokers
from chassis.streams.handler import Handler
from chassis.streams.lag import LagWatch
from chassis.topics import read_partitions
from chassis.unit.replay import Replays
from chassis.unit.work import UnitOfWork

_HEARTBEATS = 15
# Each slot may hold a connection, and the listener holds one.
_BESIDE_SLOTS = 1


Work = TypeVar("Work", bound=UnitOfWork)


async def assemble_consumer(
    process: Process,
    settings: ServiceSettings,
    handler: Handler[Any],
    publishes: Iterable[str],
    work: type[Work],
) -> tuple[Pool, Work]:
    """Add a handler's consumer to a process; return the pool that it works on, and what does its units.

    ``publishes`` are the topics that the handler publishes on: their partition counts, like those of
    the dead letters, are read from the broker once. A consumer that reads committed runs on aiokafka
    whatever the settings say, since Faust cannot.
    """
    dead_letters = (f"{topic}.dlq" for topic in handler.topics)
    bootstrap = read_brokers(settings)
    partitions = await read_partitions(bootstrap, {*handler.topics, *dead_letters, *publishes})
    pool = await add_pool(process, settings, settings.database_pool_size, handler.consumer)
    consumer = ConsumerSettings(
        bootstrap=bootstrap,
        group=handler.consumer,
        topics=handler.topics,
        batch_size=settings.batch_size,
        isolation=work.isolation,
        session_timeout_ms=settings.kafka_session_timeout_seconds * 1000,
        heartbeat_ms=settings.kafka_session_timeout_seconds * 1000 // _HEARTBEATS,
    )
    units = work(pool, handler, partitions)
    process.add("consumer", _runner(settings, consumer, units, process).run)
    process.add("lag", LagWatch(consumer, units.ownership).run)
    if units.parks:
        process.add("replays", Replays(pool, units).run)
        process.add("inbox", units.days.run)
    return pool, units


async def assemble_relay(process: Process, settings: ServiceSettings, service: str) -> None:
    """Add the relay of a service's outbox to a process."""
    slots = settings.relay_slots
    pool = await add_pool(process, settings, slots + _BESIDE_SLOTS, f"{service}-relay")
    process.add("relay", Relay(pool, read_brokers(settings), slots, process.health).run)


async def add_pool(process: Process, settings: ServiceSettings, size: int, name: str) -> Pool:
    """Open a pool that the process closes when it ends; raises Retry where the database cannot be reached."""
    try:
        pool = await open_pool(settings.database_url.get_secret_value(), size, name=f"cairn-{name}")
    except OUTSIDE as error:
        raise Retry(outage(error)) from error
    return await process.resources.enter_async_context(pool)


def _runner(settings: ServiceSettings, consumer: ConsumerSettings, work: UnitOfWork, process: Process) -> Any:
    if settings.runner == "faust" and consumer.isolation == "read_uncommitted":
        # Imported only where it runs: it costs 30 MB and half a second.
        from chassis.streams.faust_runner import FaustRunner  # noqa: PLC0415

        return FaustRunner(consumer, work, process.health)
    return AiokafkaRunner(consumer, work, process.health)
