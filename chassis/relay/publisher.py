# SPDX-License-Identifier: Apache-2.0
"""Sending rows of the outbox: whole batches a partition, in the order of the rows.

A producer serves until its first error and is then thrown away: what it had in flight is unknown,
and the slot begins again at its first unsent row. What the broker has acknowledged is not sent again,
also where what stands behind it in its partition fails; other repeats are caught by the consumers' inboxes.
"""

import asyncio
import time
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed
from aiokafka.producer.message_accumulator import BatchBuilder
from opentelemetry.trace import Span

from cairn.brokers import Bootstrap, connection
from chassis import tracing
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


class _Batch(NamedTuple):
    """Rows of one partition that are handed over together, with the spans of those that are traced."""

    builder: BatchBuilder
    rows: list[Unsent]
    spans: list[Span]


class Sent(NamedTuple):
    """The rows that the broker has, and by partition what kept others from it."""

    rows: list[Unsent]
    failures: dict[Partition, Exception]


async def start_producer(bootstrap: Bootstrap, client_id: str, request_timeout: float) -> AIOKafkaProducer:
    """Start an idempotent producer whose requests are answered within so many seconds or sent again."""
    producer = AIOKafkaProducer(
        **connection(bootstrap),
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


async def send(
    producer: AIOKafkaProducer, rows: Sequence[Unsent], within: float, alone: Container[Partition] = ()
) -> Sent:
    """Send the rows, none behind one of its partition that has failed; return after so many seconds at most.

    Rows of the partitions in ``alone`` share no batch, so that one that is refused is refused by itself.
    Raises an error where the broker does not say which partitions there are; nothing has then been sent.
    """
    deadline = time.monotonic() + within
    by_partition: dict[Partition, list[Unsent]] = {}
    for row in rows:
        by_partition.setdefault(row.at, []).append(row)
    async with asyncio.timeout(within):
        sent = Sent([], await _missing(producer, by_partition))
    sending = {
        asyncio.create_task(
            _send_partition(producer, at, _batches(producer, queue, alone=at in alone), sent)
        ): at
        for at, queue in by_partition.items()
        if at not in sent.failures
    }
    try:
        if sending:
            await asyncio.wait(sending, timeout=deadline - time.monotonic())
    finally:
        for task in sending:
            task.cancel()
    sent.failures.update(_failures(sending))
    return sent


def _failures(sending: Mapping[asyncio.Task[None], Partition]) -> Iterator[tuple[Partition, Exception]]:
    for task, at in sending.items():
        if not task.done():
            yield at, TimeoutError()
        elif error := task.exception():
            yield at, error if isinstance(error, Exception) else TimeoutError()


async def _missing(producer: AIOKafkaProducer, wanted: Collection[Partition]) -> dict[Partition, Exception]:
    cluster = producer.client.cluster
    # The producer waits for a topic that it does not know, and by its name, by which a broker may make it.
    if any(cluster.partitions_for_topic(at.topic) is None for at in wanted):
        cluster = await producer.client.fetch_all_metadata()
    missing: dict[Partition, Exception] = {}
    for at in wanted:
        numbers = cluster.partitions_for_topic(at.topic)
        if at.number not in (numbers or ()):
            found = f"the broker has no topic {at.topic}"
            if numbers:
                found = f"{at.topic} has {len(numbers)} partitions"
            missing[at] = Retry(
                f"{found}, and a record is to be published in number {at.number}:"
                " make the topic again with the number that it had"
            )
    return missing


def _batches(producer: AIOKafkaProducer, rows: Iterable[Unsent], *, alone: bool) -> Iterator[_Batch]:
    batch = _Batch(producer.create_batch(), [], [])
    for row in rows:
        headers, span = tracing.sending(row.at.topic, read_headers(row.headers))
        full = bool(batch.rows) and alone
        if full or not _append(batch, row, headers):
            yield batch
            batch = _Batch(producer.create_batch(), [], [])
            _append(batch, row, headers)
        batch.rows.append(row)
        if span is not None:
            batch.spans.append(span)
    yield batch


def _append(batch: _Batch, row: Unsent, headers: Sequence[tuple[str, bytes]]) -> bool:
    added = batch.builder.append(key=row.key, value=row.value, timestamp=None, headers=headers)
    return added is not None


async def _send_partition(
    producer: AIOKafkaProducer,
    at: Partition,
    batches: Iterator[_Batch],
    sent: Sent,
) -> None:
    batch = next(batches, None)
    while batch:
        acknowledged = await producer.send_batch(batch.builder, at.topic, partition=at.number)
        handed = batch
        # Made while the broker has the one before, and handed over once that is acknowledged: a batch that is
        # queued goes out although the one before is refused. It would be sent no sooner, since the sender has
        # one batch of a partition under way (``Sender._muted_partitions`` of aiokafka 0.14).
        batch = next(batches, None)
        await acknowledged
        sent.rows.extend(handed.rows)
        for span in handed.spans:
            span.end()
