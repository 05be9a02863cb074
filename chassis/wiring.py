# SPDX-License-Identifier: Apache-2.0
"""How every service assembles its consumers and its relay from the settings."""

from typing import Any, Literal

from chassis.database import open_pool
from chassis.lifecycle import Process
from chassis.relay.relay import Relay
from chassis.settings import ServiceSettings
from chassis.streams.aiokafka_runner import AiokafkaRunner, ConsumerSettings
from chassis.streams.faust_runner import FaustRunner
from chassis.streams.handler import Handler
from chassis.unit.outbox import Partitions
from chassis.unit.work import UnitOfWork


def partitions(settings: ServiceSettings) -> Partitions:
    """Return how many partitions the topics have."""
    return Partitions(settings.topic_partitions, {})


async def add_consumer(
    process: Process,
    settings: ServiceSettings,
    handler: Handler[Any],
    *,
    isolation: Literal["read_committed", "read_uncommitted"] = "read_uncommitted",
) -> None:
    """Run a consumer under the runner that the settings name.

    Only aiokafka can read committed (Faust 0.15.3 hard-codes the contrary), so a consumer that must
    is run by it whatever the settings say.
    """
    pool = await open_pool(
        settings.database_url.get_secret_value(), settings.database_pool_size, name=handler.consumer
    )
    process.resources.push_async_callback(pool.close)
    consumer = ConsumerSettings(
        bootstrap=settings.kafka_bootstrap_servers,
        group=handler.consumer,
        topics=handler.topics,
        batch_size=settings.batch_size,
        isolation=isolation,
    )
    work = UnitOfWork(pool, handler, partitions(settings))
    process.health.expect("database")
    if settings.runner == "faust" and isolation == "read_uncommitted":
        process.add(handler.consumer, FaustRunner(consumer, work, process.health).run)
    else:
        process.add(handler.consumer, AiokafkaRunner(consumer, work, process.health).run)


async def add_relay(process: Process, settings: ServiceSettings) -> None:
    """Run the relay of the service's outbox."""
    slots = settings.relay_slots
    pool = await open_pool(settings.database_url.get_secret_value(), slots + 2, name="relay")
    process.resources.push_async_callback(pool.close)
    relay = Relay(pool, settings.kafka_bootstrap_servers, slots, process.health)
    process.add("relay", relay.run)
