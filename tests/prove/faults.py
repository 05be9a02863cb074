# SPDX-License-Identifier: Apache-2.0
"""The faults of the nemesis, each inflicted on an installation that is at work, and healed again."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TypeAlias

import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

from cairn.topics.catalogue import DEFAULT_PARTITIONS
from deploy.local.ports import is_free
from tests.e2e.topics import Carried, write
from tests.prove.cluster import STEADY_PORTS
from tests.prove.consumers import DOWNSTREAM
from tests.prove.course import publish
from tests.prove.network import Apart
from tests.prove.points import CONSUMERS, INTAKE, RELAYS
from tests.prove.rivals import re_evaluating
from tests.prove.workers import (
    JOINED_SECONDS,
    elsewhere,
    process_of,
    second_workers,
    slow_units,
    stopped_with_work,
)
from tests.prove.world import World

Fault: TypeAlias = Callable[[World], Awaitable[None]]

_CUT_SECONDS = 12.0
_FULL_SECONDS = 5.0
_DOWN_SECONDS = 3.0
_REPEATED = 200


async def sigkill(world: World) -> None:
    """End all processes at once, in the midst of their work, as when their machine is lost."""
    with slow_units(world.ground):
        await asyncio.sleep(JOINED_SECONDS)
        for process in [await process_of(world.ground, name) for name in world.ground.services]:
            with suppress(psutil.NoSuchProcess):
                process.kill()


async def sigterm(world: World) -> None:
    """Ask a process to end."""
    (await process_of(world.ground, _any(world))).terminate()


async def zombie(world: World) -> None:
    """Stop a consumer or relay with work in its hands until another has long done it, and let it wake."""
    name = world.chance.choice([INTAKE, *CONSUMERS, *RELAYS])
    process = await stopped_with_work(world.ground, name)
    async with second_workers(world.ground, {name: ()}):
        await asyncio.sleep(world.frozen_seconds)
        process.resume()
        await asyncio.sleep(JOINED_SECONDS)


async def workers_join_and_leave(world: World) -> None:
    """Let a second worker of a consumer come and go."""
    async with second_workers(world.ground, {_consumer(world): ()}):
        await asyncio.sleep(JOINED_SECONDS)


async def broker_restart(world: World) -> None:
    """Stop one of three brokers in order, and start it."""
    node = world.chance.choice(world.cluster.nodes)
    await asyncio.to_thread(world.cluster.stop_node, node)
    await asyncio.to_thread(world.cluster.start_node, node)


async def broker_loss(world: World) -> None:
    """Kill one of three brokers, and bring it back only later."""
    node = world.chance.choice(world.cluster.nodes)
    await asyncio.to_thread(world.cluster.kill, node)
    await asyncio.sleep(_CUT_SECONDS)
    await asyncio.to_thread(world.cluster.start_node, node)


async def database_restart(world: World) -> None:
    """Stop PostgreSQL, and start it."""
    await asyncio.to_thread(world.database.stop)
    await asyncio.sleep(_DOWN_SECONDS)
    await asyncio.to_thread(world.database.start)


async def network_partition(world: World) -> None:
    """Cut a consumer off from brokers and database, while another takes its partitions over."""
    name = _consumer(world)
    # The process that runs outside until then still holds its own port.
    service = replace(world.ground.services[name], health_port=_free_port())
    brokers = [int(each.rpartition(":")[2]) for each in world.ground.up.bootstrap.split(",")]
    database, inward = service.environment["DATABASE_URL"], [service.health_port]
    with Apart(name, outward=brokers, inward=inward, database=database) as apart:
        async with (
            elsewhere(world.ground, name, apart.moved(service)),
            second_workers(world.ground, {name: ()}),
        ):
            await world.ground.up.installation.processes.ready({name})
            apart.cut()
            await asyncio.sleep(_CUT_SECONDS)
            apart.heal()
            await asyncio.sleep(_CUT_SECONDS / 2)


async def full_disk(world: World) -> None:
    """Leave PostgreSQL no room, then give it back."""
    await asyncio.to_thread(world.disk.fill)
    await asyncio.sleep(_FULL_SECONDS)
    world.disk.free()
    await asyncio.to_thread(world.database.start)


async def duplicates(world: World) -> None:
    """Publish events again that went through long ago."""
    for consumer in DOWNSTREAM:
        for topic in consumer.reads:
            await write(world.ground.up.bootstrap, topic, await _first(world, topic, _REPEATED))


async def poison(world: World) -> None:
    """Publish what nobody can read, once under no key and once under that of a learner."""
    for consumer in DOWNSTREAM:
        topic = consumer.reads[0]
        keys = [None, *(each.key for each in (await _first(world, topic, 1)))]
        await write(world.ground.up.bootstrap, topic, [Carried(key, (), b"\x00poison") for key in keys])


async def publication(world: World) -> None:
    """Publish other policies and a rule that asks for more, with two workers on the same learners.

    The one takes both facts and re-evaluations, the other only the latter; the first is killed meanwhile.
    """
    async with second_workers(world.ground, re_evaluating(world.runner)):
        with slow_units(world.ground):
            await publish(world.ground, next(world.publications))
            for name in CONSUMERS[:2]:
                await asyncio.sleep(JOINED_SECONDS)
                (await process_of(world.ground, name)).kill()
            await asyncio.sleep(2 * JOINED_SECONDS)


FAULTS: Mapping[str, Fault] = {
    fault.__name__.replace("_", " "): fault
    for fault in (
        sigkill,
        sigterm,
        zombie,
        workers_join_and_leave,
        broker_restart,
        broker_loss,
        database_restart,
        network_partition,
        full_disk,
        duplicates,
        poison,
        publication,
    )
}


def _free_port() -> int:
    return next(port for port in random.sample(STEADY_PORTS, len(STEADY_PORTS)) if is_free(port))


def _any(world: World) -> str:
    return world.chance.choice(sorted(world.ground.services))


def _consumer(world: World) -> str:
    return world.chance.choice([INTAKE, *CONSUMERS])


async def _first(world: World, topic: str, most: int) -> list[Carried]:
    """Return some of the first records of a topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=world.ground.up.bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(DEFAULT_PARTITIONS)])
        await consumer.seek_to_beginning()
        polled = await consumer.getmany(timeout_ms=2000, max_records=most)
    finally:
        with suppress(OSError):
            await consumer.stop()
    return [
        Carried(each.key, tuple(each.headers), each.value) for records in polled.values() for each in records
    ]
