# SPDX-License-Identifier: Apache-2.0
"""Faults of the processes themselves."""

import asyncio

from tests.prove.evidence import amid_work, assigned_more, progress
from tests.prove.processes import CONSUMING, INTAKE, RELAYING, second_of
from tests.prove.workers import JOINED_SECONDS, process_of, second_workers, slow_units, stopped_with_work
from tests.prove.world import World


async def sigkill(world: World) -> bool:
    """End all processes at once, in the midst of their work, as when their machine is lost."""
    with slow_units(world.ground):
        await asyncio.sleep(JOINED_SECONDS)
        processes = [await process_of(world.ground, name) for name in world.ground.services]
        met = await amid_work(world.ground)
        for process in processes:
            world.ground.inflicted.kill(process)
    return met


async def sigterm(world: World) -> bool:
    """Ask a process to end."""
    process = await process_of(world.ground, world.chance.choice(sorted(world.ground.services)))
    met = await amid_work(world.ground)
    world.ground.inflicted.ask_to_end(process)
    return met


async def zombie(world: World) -> bool:
    """Stop a consumer or relay with work in its hands until another has long done it, and let it wake."""
    name = world.chance.choice([INTAKE, *CONSUMING, *RELAYING])
    process = await stopped_with_work(world.ground, name)
    before = await progress(world.ground, name)
    async with second_workers(world.ground, {name: ()}):
        await asyncio.sleep(world.frozen_seconds)
        met = await progress(world.ground, name) > before
        process.resume()
        await asyncio.sleep(JOINED_SECONDS)
    return met


async def workers_join_and_leave(world: World) -> bool:
    """Let a second worker of a consumer come and go; work is met if it has had a share."""
    name = world.chance.choice([INTAKE, *CONSUMING])
    async with second_workers(world.ground, {name: ()}):
        joined = await assigned_more(world.ground, second_of(name), 0)
        await asyncio.sleep(JOINED_SECONDS)
        return joined and await amid_work(world.ground)
