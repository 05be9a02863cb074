# SPDX-License-Identifier: Apache-2.0
"""The stream of results that is fed, made into the broker's own batches before any clock starts.

The load must cost next to nothing, or it would be measured with the pipeline on the same cores.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from cairn.cloudevents import CloudEvent, to_kafka
from cairn.topics.catalogue import DEFAULT_PARTITIONS
from chassis.unit.outbox import partition_of

_BATCH_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Encoded:
    """Batches ready to be sent, in the order in which they filled up."""

    producer: AIOKafkaProducer
    batches: Sequence[tuple[int, BatchBuilder]]

    async def publish(self, topic: str) -> None:
        """Send everything, each partition in order, and return when the broker has it all; works once."""
        sent = [
            await self.producer.send_batch(batch, topic, partition=partition)
            for partition, batch in self.batches
        ]
        await asyncio.gather(*sent)


@asynccontextmanager
async def encoded(bootstrap: str, events: Sequence[CloudEvent]) -> AsyncIterator[Encoded]:
    """Encode the events for a topic of six partitions, keyed by event id as the client keys them."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, max_batch_size=_BATCH_BYTES, acks="all"
    )
    await producer.start()
    try:
        yield Encoded(producer, _batches(producer, events))
    finally:
        await producer.stop()


def _batches(producer: AIOKafkaProducer, events: Sequence[CloudEvent]) -> list[tuple[int, BatchBuilder]]:
    filling = {partition: producer.create_batch() for partition in range(DEFAULT_PARTITIONS)}
    full: list[tuple[int, BatchBuilder]] = []
    for event in events:
        key = event.id.encode()
        headers, value = to_kafka(event)
        partition = partition_of(key, DEFAULT_PARTITIONS)
        if filling[partition].append(key=key, value=value, timestamp=None, headers=headers) is None:
            full.append((partition, filling[partition]))
            filling[partition] = producer.create_batch()
            filling[partition].append(key=key, value=value, timestamp=None, headers=headers)
    return full + [(partition, batch) for partition, batch in filling.items() if batch.record_count()]
