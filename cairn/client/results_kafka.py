# SPDX-License-Identifier: Apache-2.0
"""Publish results on a source's ingest topic, in CloudEvents binary mode, idempotently."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from cairn.brokers import Bootstrap, connection
from cairn.client.errors import CallError, RefusedError, UnavailableError
from cairn.client.results import Receipt
from cairn.cloudevents.event import CloudEvent
from cairn.cloudevents.kafka import to_kafka
from cairn.topics.catalogue import ingest_topic

_LINGER_MS = 20
_BATCH_BYTES = 256 * 1024


class KafkaResultsPublisher:
    """Publishes native events of one source through a broker."""

    def __init__(self, producer: AIOKafkaProducer, source: str) -> None:
        """Use a started producer that the caller stops; raises ValueError for a name that is none."""
        self._producer = producer
        self._topic = ingest_topic(source).name

    async def publish(self, events: Sequence[CloudEvent]) -> list[Receipt]:
        """Return one receipt for each event, once the broker has all of them; raises CallError."""
        try:
            sent = [await self._send(event) for event in events]
            await asyncio.gather(*[each for each in sent if each is not None])
        except KafkaError as error:
            raise _failure(error) from error
        return [_receipt(event, sent=each is not None) for event, each in zip(events, sent, strict=True)]

    async def _send(self, event: CloudEvent) -> "asyncio.Future[Any] | None":
        headers, value = to_kafka(event)
        try:
            # Two contents of one id stay in order: the first is kept, the second is a conflict.
            future: asyncio.Future[Any] = await self._producer.send(
                self._topic, value, key=event.id.encode(), headers=headers
            )
        except MessageSizeTooLargeError:
            return None
        return future


@asynccontextmanager
async def open_kafka_results(bootstrap: Bootstrap, source: str) -> AsyncIterator[KafkaResultsPublisher]:
    """Start a producer of its own for a publisher."""
    producer = AIOKafkaProducer(
        **connection(bootstrap),
        client_id="cairn-results",
        enable_idempotence=True,
        linger_ms=_LINGER_MS,
        max_batch_size=_BATCH_BYTES,
    )
    publisher = KafkaResultsPublisher(producer, source)
    try:
        await producer.start()
    except KafkaError as error:
        await producer.stop()
        raise _failure(error) from error
    try:
        yield publisher
    finally:
        await producer.stop()


def _failure(error: KafkaError) -> CallError:
    if error.retriable:
        return UnavailableError(f"the broker is not there at present ({type(error).__name__})")
    return RefusedError(f"the broker refused ({type(error).__name__})")


def _receipt(event: CloudEvent, *, sent: bool) -> Receipt:
    if sent:
        return Receipt(id=event.id, outcome="sent")
    return Receipt(id=event.id, outcome="refused", reason="is larger than a broker takes")
