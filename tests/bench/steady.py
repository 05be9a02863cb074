# SPDX-License-Identifier: Apache-2.0
"""A steady load on the ingest topic: each record has its instant, whatever becomes of those before it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import perf_counter

from aiokafka import AIOKafkaProducer

from cairn.cloudevents import CloudEvent, to_kafka
from tests.e2e.installation import INGEST

_TICK_SECONDS = 0.05
# Longer than a broker takes to come back.
_DELIVERY_MS = 120_000


class Steady:
    """Sends events at a rate until it is stopped, and knows what the broker has not acknowledged."""

    def __init__(self, producer: AIOKafkaProducer, events: Sequence[CloudEvent], rate: float) -> None:
        """Begin with nothing sent; the records are made before the clock runs."""
        self._producer = producer
        self._records = [(event.id.encode(), *to_kafka(event)) for event in events]
        self._rate = rate
        self._begun = 0.0
        self._stopped = asyncio.Event()
        self.acknowledged = 0

    @property
    def behind(self) -> int:
        """How many records were due and are not acknowledged."""
        return self._due() - self.acknowledged

    async def run(self) -> int:
        """Send until stopped, and return how many were sent; raises ValueError where there are too few."""
        self._begun, sent = perf_counter(), 0
        acknowledged: list[asyncio.Future[object]] = []
        while not self._stopped.is_set():
            due = self._due()
            if due >= len(self._records):
                raise ValueError("the events ended before the measurement")
            for key, headers, value in self._records[sent:due]:
                future = await self._producer.send(INGEST, value, key=key, headers=headers)
                future.add_done_callback(self._note)
                acknowledged.append(future)
            sent = max(sent, due)
            await asyncio.sleep(_TICK_SECONDS)
        await asyncio.gather(*acknowledged)
        return sent

    def stop(self) -> None:
        """Send no more."""
        self._stopped.set()

    def _due(self) -> int:
        return int(self._rate * (perf_counter() - self._begun))

    def _note(self, sent: "asyncio.Future[object]") -> None:
        if not sent.cancelled() and sent.exception() is None:
            self.acknowledged += 1


@asynccontextmanager
async def steady(bootstrap: str, events: Sequence[CloudEvent], rate: float) -> AsyncIterator[Steady]:
    """Connect a load."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=5, request_timeout_ms=_DELIVERY_MS
    )
    await producer.start()
    try:
        yield Steady(producer, events, rate)
    finally:
        await producer.stop()
