# SPDX-License-Identifier: Apache-2.0
"""Poison: records that nobody can read, which hold up the learner under whose key they come."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition

from cairn.topics.catalogue import DEFAULT_PARTITIONS
from tests.e2e.topics import Carried, write
from tests.prove.consumers import DOWNSTREAM
from tests.prove.ground import Ground

_LEARNERS = 4
_SOME_RECORDS = 200
# While every process ends in turn, a slow machine needs most of a minute to bring the first decisions.
_LEARNERS_SECONDS = 180.0


async def hold_up(ground: Ground) -> None:
    """Have some learners of every consumer wait behind poison, until it is discarded.

    Wait for each consumer's first learners; raise TimeoutError where none come.
    """
    for consumer in DOWNSTREAM:
        topic = consumer.reads[0]
        async with asyncio.timeout(_LEARNERS_SECONDS):
            keys = await _some_keys(ground, topic)
        await poison_under(ground, topic, keys)


async def _some_keys(ground: Ground, topic: str) -> list[bytes]:
    """Return some learners' keys as soon as a topic has records of any."""
    keys: set[bytes] = set()
    while not keys:  # each look waits for records itself
        keys = {each.key for each in await first_of(ground, topic, _SOME_RECORDS) if each.key}
    return sorted(keys)[:_LEARNERS]


async def poison_under(ground: Ground, topic: str, keys: Iterable[bytes | None]) -> None:
    """Publish one record that nobody can read under each key."""
    await write(ground.up.bootstrap, topic, [Carried(key, (), b"\x00poison") for key in keys])


async def first_of(ground: Ground, topic: str, most: int) -> list[Carried]:
    """Return some of the first records of a topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=ground.up.bootstrap, enable_auto_commit=False)
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
