# SPDX-License-Identifier: Apache-2.0
"""Feeding a story to an installation under proof: at once, or flowing beside what happens to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import stamina
from aiokafka.errors import KafkaError

from cairn.cloudevents import CloudEvent, to_kafka
from tests.e2e.installation import INGEST
from tests.e2e.topics import Carried, write
from tests.prove.ground import Ground

_LOT_SECONDS = 0.5


async def feed(ground: Ground, events: Iterable[CloudEvent]) -> None:
    """Publish events on the source's ingest topic, each learner's in their order, until all are there.

    What is published again is the same again: only its first arrival counts, so the order stays.
    """
    keyed = [_keyed(event) for event in events]
    async for attempt in stamina.retry_context(on=KafkaError, attempts=None, timeout=120, wait_max=2.0):
        with attempt:
            await write(ground.up.bootstrap, INGEST, keyed)


@asynccontextmanager
async def flowing(ground: Ground, events: Sequence[CloudEvent], seconds: float) -> AsyncIterator[None]:
    """Feed events evenly for so long beside the block, which is left once all are fed."""
    async with asyncio.TaskGroup() as beside:
        beside.create_task(_trickle(ground, events, seconds))
        yield


async def _trickle(ground: Ground, events: Sequence[CloudEvent], seconds: float) -> None:
    lots = max(1, round(seconds / _LOT_SECONDS))
    for lot in parts(events, lots):
        await feed(ground, lot)
        await asyncio.sleep(_LOT_SECONDS)


def parts(events: Sequence[CloudEvent], count: int) -> Iterator[Sequence[CloudEvent]]:
    """Cut the events into so many parts of nearly equal length."""
    bounds = [len(events) * number // count for number in range(count + 1)]
    for begin, end in pairwise(bounds):
        yield events[begin:end]


def student_of(event: CloudEvent) -> str:
    """Return the platform's own number of the learner of whom an event speaks."""
    return str(json.loads(event.data or b"{}")["learner"]["value"])


def _keyed(event: CloudEvent) -> Carried:
    headers, value = to_kafka(event)
    return Carried(student_of(event).encode(), tuple(headers), value)
