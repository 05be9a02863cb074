# SPDX-License-Identifier: Apache-2.0
"""Faults of what the processes stand on: brokers, database, disk and network."""

import asyncio
import random
from dataclasses import replace

from deploy.local.layout import SESSION_SECONDS
from deploy.local.ports import is_free
from tests.prove.cluster import STEADY_PORTS
from tests.prove.evidence import amid_work, assignments, progress, refusals
from tests.prove.network import Apart
from tests.prove.processes import CONSUMING, INTAKE, second_of
from tests.prove.workers import elsewhere, second_workers
from tests.prove.world import World

_CUT_SECONDS = 12.0
_FULL_SECONDS = 5.0
_DOWN_SECONDS = 3.0


async def broker_restart(world: World) -> bool:
    """Stop one of three brokers in order, and start it."""
    node = world.chance.choice(world.cluster.nodes)
    met = await amid_work(world.ground)
    with world.ground.inflicted.outage():
        await asyncio.to_thread(world.cluster.stop_node, node)
        await asyncio.to_thread(world.cluster.start_node, node)
    return met


async def broker_loss(world: World) -> bool:
    """Kill one of three brokers, and bring it back only later."""
    node = world.chance.choice(world.cluster.nodes)
    met = await amid_work(world.ground)
    with world.ground.inflicted.outage():
        await asyncio.to_thread(world.cluster.kill, node)
        await asyncio.sleep(_CUT_SECONDS)
        await asyncio.to_thread(world.cluster.start_node, node)
    return met


async def database_restart(world: World) -> bool:
    """Stop PostgreSQL, and start it."""
    met = await amid_work(world.ground)
    with world.ground.inflicted.outage():
        await asyncio.to_thread(world.database.stop)
        await asyncio.sleep(_DOWN_SECONDS)
        await asyncio.to_thread(world.database.start)
    return met


async def full_disk(world: World) -> bool:
    """Leave PostgreSQL no room, then give it back."""
    before = refusals(world.database)
    with world.ground.inflicted.outage():
        await asyncio.to_thread(world.disk.fill)
        await asyncio.sleep(_FULL_SECONDS)
        world.disk.free()
        await asyncio.to_thread(world.database.start)
    return refusals(world.database) > before


async def network_partition(world: World) -> bool:
    """Cut a consumer off from brokers and database, while another takes its partitions over.

    Work is met if the other is assigned more than it had, and gets on, once the first's session has ended.
    """
    name = world.chance.choice([INTAKE, *CONSUMING])
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
            met = await amid_work(world.ground)
            shared = assignments(world.ground, second_of(name))
            with world.ground.inflicted.outage():
                apart.cut()
                await asyncio.sleep(SESSION_SECONDS)
                before = await progress(world.ground, name)
                await asyncio.sleep(_CUT_SECONDS - SESSION_SECONDS)
                met &= await progress(world.ground, name) > before
                met &= assignments(world.ground, second_of(name)) > shared
                apart.heal()
            await asyncio.sleep(_CUT_SECONDS / 2)
    return met


def _free_port() -> int:
    return next(port for port in random.sample(STEADY_PORTS, len(STEADY_PORTS)) if is_free(port))
