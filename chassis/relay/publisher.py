# SPDX-License-Identifier: Apache-2.0
"""Sending rows of the outbox: whole batches a partition, in the order of the rows.

A producer serves until its first error and is then thrown away: what it had in flight is unknown,
and the slot begins again at its first unsent row. Repeats are caught by the consumers' inboxes.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from chassis.errors import Retry
from chassis.streams.message import Partition
from chassis.unit.outbox import read_headers

# Whole batches are handed over, so this bounds a request and not a wait.
_BATCH_BYTES = 256 * 1024
_LARGEST_RECORD = 12 * 1024 * 1024


class Unsent(NamedTuple):
    """One row of the outbox."""

    id: int
    at: Partition
    key: bytes | None
    headers: str
    value: bytes | None


async def start_producer(bootstrap: str, client_id: str, delivery_timeout: float) -> AIOKafkaProducer:
    """Start an idempotent producer that gives a batch up after ``delivery_timeout`` seconds."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        max_batch_size=_BATCH_BYTES,
        max_request_size=_LARGEST_RECORD,
        request_timeout_ms=int(delivery_timeout * 1000),
    )
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


async def send(producer: AIOKafkaProducer, rows: Sequence[Unsent]) -> None:
    """Send the rows, each partition's in order, and return when the broker has them all.

    Raises Retry where a topic does not have the partition that a row is for; nothing has then been sent.
    """
    by_partition: dict[Partition, list[Unsent]] = {}
    for row in rows:
        by_partition.setdefault(row.at, []).append(row)
    await _check_partitions(producer, by_partition)
    async with asyncio.TaskGroup() as sending:
        for at, queue in by_partition.items():
            sending.create_task(_send_partition(producer, at, queue))


async def _check_partitions(producer: AIOKafkaProducer, wanted: Iterable[Partition]) -> None:
    for at in wanted:
        numbers = await producer.partitions_for(at.topic)
        if at.number not in numbers:
            raise Retry(
                f"{at.topic} has {len(numbers)} partitions, and a record is to be published in number"
                f" {at.number}: make the topic again with the number that it had"
            )


async def _send_partition(producer: AIOKafkaProducer, at: Partition, rows: Sequence[Unsent]) -> None:
    acknowledged: list[asyncio.Future[object]] = []
    batch = producer.create_batch()
    for row in rows:
        headers = read_headers(row.headers)
        if batch.append(key=row.key, value=row.value, timestamp=None, headers=headers) is None:
            acknowledged.append(await producer.send_batch(batch, at.topic, partition=at.number))
            batch = producer.create_batch()
            batch.append(key=row.key, value=row.value, timestamp=None, headers=headers)
    acknowledged.append(await producer.send_batch(batch, at.topic, partition=at.number))
    await asyncio.gather(*acknowledged)
