# SPDX-License-Identifier: Apache-2.0
"""What stands in a topic, read whole, and its canonical form.

Canonical form leaves out trace context alone: what a topic carries has no recorded time of its own,
no position and no ciphertext. A record that the relay repeated counts once, as it does downstream,
and must say the same each time.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from cairn.topics.catalogue import DEFAULT_PARTITIONS
from chassis.streams.message import Partition, Record

_TRACE = frozenset({"ce_traceparent", "ce_tracestate", "traceparent", "tracestate"})


@dataclass(frozen=True, slots=True)
class Carried:
    """One record without its place."""

    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None

    @classmethod
    def of(cls, record: Record) -> Self:
        """Return a record without its place."""
        return cls(record.key, record.headers, record.value)

    @property
    def identity(self) -> tuple[bytes, bytes]:
        """The source and id of the event."""
        headers = dict(self.headers)
        return headers["ce_source"], headers["ce_id"]

    @property
    def canonical(self) -> "Carried":
        """The record without the trace in which it began."""
        kept = sorted((name, value) for name, value in self.headers if name not in _TRACE)
        return Carried(self.key, tuple(kept), self.value)


async def ends(bootstrap: str, topic: str) -> dict[int, int]:
    """Return the end offset of every partition that ever held a record."""
    async with _reader(bootstrap) as consumer:
        found = await consumer.end_offsets(_places(topic))
    return {place.partition: offset for place, offset in found.items() if offset}


async def read(bootstrap: str, topic: str) -> list[Carried]:
    """Read a topic from its beginning to its present end, each partition in order."""
    return [Carried.of(record) for record in (await placed(bootstrap, topic)).values()]


async def placed(bootstrap: str, topic: str) -> dict[tuple[Partition, int], Record]:
    """Read a topic from its beginning to its present end, each record by its place."""
    async with _reader(bootstrap) as consumer:
        consumer.assign(_places(topic))
        await consumer.seek_to_beginning()
        end = await consumer.end_offsets(_places(topic))
        found: dict[tuple[Partition, int], Record] = {}
        while any([await consumer.position(place) < offset for place, offset in end.items()]):
            for (name, number), records in (await consumer.getmany(timeout_ms=500)).items():
                at = Partition(name, number)
                for each in records:
                    headers = tuple(each.headers)
                    record = Record(at, each.offset, each.key, each.value, headers, each.timestamp)
                    found[at, each.offset] = record
    return found


async def write(bootstrap: str, topic: str, records: Iterable[Carried]) -> int:
    """Write records in the given order; those of one key keep it. Return their number.

    Raises KafkaError where the broker did not take one; those before it and behind it may be there.
    """
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=20)
    await producer.start()
    sent: list[asyncio.Future[object]] = []
    try:
        for record in records:
            headers = list(record.headers)
            sent += [await producer.send(topic, record.value, key=record.key, headers=headers)]
    finally:
        await producer.stop()
    await asyncio.gather(*sent)
    return len(sent)


def canonical(records: Iterable[Carried]) -> dict[bytes | None, list[Carried]]:
    """Return the canonical form of a topic: by key, in order, each event once, by source and id."""
    found: dict[bytes | None, dict[tuple[bytes, bytes], Carried]] = {}
    for record in records:
        first = found.setdefault(record.key, {}).setdefault(record.identity, record.canonical)
        assert first == record.canonical, f"{record.identity} was published with two contents"
    return {key: list(events.values()) for key, events in found.items()}


@asynccontextmanager
async def _reader(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


def _places(topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(DEFAULT_PARTITIONS)]
