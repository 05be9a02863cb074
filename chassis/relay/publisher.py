# SPDX-License-Identifier: Apache-2.0
"""Sending rows of the outbox: whole batches a partition, in the order of the rows.

A producer serves until its first error and is then thrown away: what it had in flight is unknown,
and the slot begins again at its first unsent row. What the broker has acknowledged is not sent again;
other repeats are caught by the consumers' inboxes.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed

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


class Sent(NamedTuple):
    """The rows that the broker has, and what kept others from it."""

    rows: list[Unsent]
    failures: list[Exception]


async def start_producer(bootstrap: str, client_id: str, request_timeout: float) -> AIOKafkaProducer:
    """Start an idempotent producer whose requests are answered within so many seconds or sent again."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        max_batch_size=_BATCH_BYTES,
        max_request_size=_LARGEST_RECORD,
        request_timeout_ms=int(request_timeout * 1000),
    )
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


async def abandon(producer: AIOKafkaProducer) -> None:
    """Close a producer once its requests are answered, without sending what it still holds.

    That is the next lease's to send. Its ``stop`` would flush for as long as its sender runs, and an
    idempotent sender never gives a batch up (``Sender._can_retry`` of aiokafka 0.14).
    """
    sending = producer._sender.sender_task  # noqa: SLF001 - there is no other way
    sending.cancel()
    # Not awaited itself: one that has not begun yet would end its waiter as cancelled too.
    await asyncio.wait([sending])
    producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001 - or its flush would wait for ever
    await producer.stop()


async def send(producer: AIOKafkaProducer, rows: Sequence[Unsent], within: float) -> Sent:
    """Send the rows, each partition's in order; return when the broker has them or after so many seconds.

    Raises Retry where a topic does not have the partition that a row is for, and TimeoutError where the
    broker does not say; nothing has then been sent.
    """
    deadline = time.monotonic() + within
    by_partition: dict[Partition, list[Unsent]] = {}
    for row in rows:
        by_partition.setdefault(row.at, []).append(row)
    async with asyncio.timeout(within):
        await _check_partitions(producer, by_partition)
    sending = {
        asyncio.create_task(_send_partition(producer, at, queue)): queue for at, queue in by_partition.items()
    }
    try:
        await asyncio.wait(sending, timeout=deadline - time.monotonic())
    finally:
        for task in sending:
            task.cancel()
    return _sent(sending)


def _sent(sending: Mapping[asyncio.Task[None], Sequence[Unsent]]) -> Sent:
    sent = Sent([], [])
    for task, queue in sending.items():
        if not task.done():
            sent.failures.append(TimeoutError())
        elif error := task.exception():
            sent.failures.append(error if isinstance(error, Exception) else TimeoutError())
        else:
            sent.rows.extend(queue)
    return sent


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
