# SPDX-License-Identifier: Apache-2.0
"""Faults of what arrives: repeats, poison, and other rules while facts flow."""

import asyncio
import time

from tests.e2e.topics import write
from tests.prove.consumers import DOWNSTREAM, Consumer
from tests.prove.course import publish
from tests.prove.evidence import comes, counted, counted_more, re_evaluated
from tests.prove.poison import first_of, poison_under
from tests.prove.processes import RE_EVALUATING
from tests.prove.rivals import re_evaluating
from tests.prove.workers import JOINED_SECONDS, process_of, second_workers, slow_units
from tests.prove.world import World

_REPEATED = 200
_GOES_ON_SECONDS = 60.0


async def duplicates(world: World) -> bool:
    """Publish events again that went through long ago.

    Work is met if there were some, and every consumer has counted more repeats since.
    """
    before = await _counted(world, "duplicate")
    met = True
    for consumer in DOWNSTREAM:
        for topic in consumer.reads:
            again = await first_of(world.ground, topic, _REPEATED)
            await write(world.ground.up.bootstrap, topic, again)
            # Re-evaluations there are only once something was published.
            met &= bool(again) or topic != consumer.reads[0]
    return met and await counted_more(world.ground, before, "duplicate")


async def poison(world: World) -> bool:
    """Publish what nobody can read, once under no key and once under that of a learner.

    Work is met if there was one, and every consumer has dead-lettered more since.
    """
    before = await _counted(world, "dead_lettered")
    met = True
    for consumer in DOWNSTREAM:
        topic = consumer.reads[0]
        keys = [each.key for each in await first_of(world.ground, topic, 1)]
        await poison_under(world.ground, topic, (None, *keys))
        met &= bool(keys)
    return met and await counted_more(world.ground, before, "dead_lettered")


async def publication(world: World) -> bool:
    """Publish other policies and a rule that asks for more, with two workers on the same learners.

    The one takes both facts and re-evaluations, the other only the latter; the first is killed meanwhile.
    Work is met if some of it was left when the first was killed, of one service at least.
    """
    ground = world.ground
    async with second_workers(ground, re_evaluating(world.runner)):
        killed: dict[str, int] = {}
        with slow_units(ground):
            await publish(ground, next(world.publications))
            for name in RE_EVALUATING:
                await asyncio.sleep(JOINED_SECONDS)
                ground.inflicted.kill(await process_of(ground, name))
                killed[name] = await re_evaluated(ground, name)
            await asyncio.sleep(2 * JOINED_SECONDS)

        async def left() -> bool:
            return any([killed[name] < await re_evaluated(ground, name) for name in RE_EVALUATING])

        # A worker under Faust that begins anew on a slow machine needs longer than it has slept here.
        return await comes(left, time.monotonic() + _GOES_ON_SECONDS)


async def _counted(world: World, outcome: str) -> dict[Consumer, int]:
    return {consumer: await counted(world.ground, consumer, outcome) for consumer in DOWNSTREAM}
