# SPDX-License-Identifier: Apache-2.0
"""One slot of the relay: the partitions whose number leaves the slot's remainder, one producer.

Unsent rows are read in id order, never past a remembered position, so that a row that commits late
is not passed over; those of partitions that have just failed are left out for a while. Sent rows are
deleted by their ids, in a transaction that checks the term.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from cairn.brokers import Bootstrap
from chassis import metrics
from chassis.database import Pool
from chassis.errors import Conflict, Retry
from chassis.health import Health
from chassis.metric_catalogue import PUBLISHED
from chassis.outage import outage
from chassis.relay.aside import Aside
from chassis.relay.lease import Lease, give_back, lost, take_lease
from chassis.relay.publisher import Sent, Unsent, abandon, send, start_producer
from chassis.sqlstate import OUTSIDE
from chassis.streams.message import Partition
from chassis.waiting import within

_UNSENT = """
select id, topic, partition, key, headers, value from chassis.outbox
where partition % $1 = $2 and not exists (
    select from unnest($4::text[], $5::int[]) as aside (topic, partition)
    where aside.topic = outbox.topic and aside.partition = outbox.partition
)
order by id limit $3
"""
# The lease's row is locked for as long as the deletion takes: it cannot change hands in between.
_DELETE = """
with held as (
    select true from chassis.lease where name = $2 and holder = $3 and term = $4 for share
), gone as (
    delete from chassis.outbox where id = any ($1::bigint[]) and exists (select from held)
)
select true from held
"""

# A lease outlives a delivery, the start of its producer included, and the requests that are then still to
# be answered, although it may not have been renewed for `_RENEW`: what is not sent by then is abandoned.
LEASE = timedelta(seconds=30)
DELIVERY_TIMEOUT = 15.0
REQUEST_TIMEOUT = 8.0
_RENEW = 5.0
_RETRY = 1.0
# Polling is the fallback where a notification is lost.
_POLL = 1.0
# Rows that follow closely on the last wait for company: a publication costs the same for one or many.
_PACE = 0.005

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SlotSettings:
    """Which slot of how many, where to publish, and who publishes."""

    number: int
    slots: int
    bootstrap: Bootstrap
    holder: str
    batch_size: int = 2000


class Slot:
    """Publishes one slot for as long as its lease can be had."""

    def __init__(self, pool: Pool, settings: SlotSettings, health: Health) -> None:
        """Begin without a lease and without a producer; ``health`` learns whether publishing works."""
        self._health = health
        self.wake = asyncio.Event()
        self._pool = pool
        self._settings = settings
        health.expect(self.name)
        self._aside = Aside()
        self._lease: Lease | None = None
        self._renew_at = 0.0
        self._producer: AIOKafkaProducer | None = None
        self._ended = 0.0

    @property
    def name(self) -> str:
        """The lease's name."""
        return f"relay/{self._settings.number}-of-{self._settings.slots}"

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until asked to stop; an outside cause is waited out."""
        try:
            while not stop.is_set():
                await self._turn()
        finally:
            await self._discard()
            await self._give_back()

    async def _turn(self) -> None:
        await asyncio.sleep(max(0.0, self._ended + _PACE - time.monotonic()))
        self.wake.clear()
        try:
            busy = await self._hold() and await self._publish()
        except (KafkaError, Conflict, Retry, *OUTSIDE) as error:
            log.warning("relay begins again", slot=self.name, error=type(error).__name__)
            self._health.unmet(self.name, _why(error))
            await self._discard()
            await asyncio.sleep(_RETRY)
            return
        self._tell()
        self._ended = time.monotonic()
        if not busy:
            await within(_POLL, self.wake)

    async def _hold(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self._lease is None or now >= self._renew_at:
            async with self._pool.acquire() as connection:
                held = await take_lease(connection, self.name, self._settings.holder, LEASE)
            if held != self._lease:
                self._aside.forget()
                await self._discard()
            self._lease, self._renew_at = held, now + _RENEW
        return self._lease is not None

    def _tell(self) -> None:
        if self._aside.reason:
            self._health.unmet(self.name, self._aside.reason)
        else:
            self._health.met(self.name)

    async def _publish(self) -> bool:
        resting = self._aside.resting()
        unsent = await self._unsent(resting)
        sent = await self._send(unsent) if unsent else Sent([], {})
        full = len(unsent) == self._settings.batch_size
        # Where there may be more to read, whoever was not read may still be waiting.
        unread = self._aside.others({row.at for row in unsent}) if full else resting
        self._aside.learn(unread, sent.failures, {row.at for row in sent.rows})
        if sent.failures:
            log.warning("relay begins again", slot=self.name, reason=self._aside.reason)
            await self._discard()
        return full

    async def _unsent(self, resting: Sequence[Partition]) -> list[Unsent]:
        settings = self._settings
        topics, numbers = [at.topic for at in resting], [at.number for at in resting]
        rows = await self._pool.fetch(
            _UNSENT, settings.slots, settings.number, settings.batch_size, topics, numbers
        )
        return [
            Unsent(row_id, Partition(topic, number), key, headers, value)
            for row_id, topic, number, key, headers, value in rows
        ]

    async def _send(self, unsent: Sequence[Unsent]) -> Sent:
        settings = self._settings
        deadline = time.monotonic() + DELIVERY_TIMEOUT
        if self._producer is None:
            async with asyncio.timeout(DELIVERY_TIMEOUT):
                self._producer = await start_producer(settings.bootstrap, self.name, REQUEST_TIMEOUT)
        sent = await send(self._producer, unsent, deadline - time.monotonic(), self._aside.alone())
        await self._delete([row.id for row in sent.rows])
        for topic, count in Counter(row.at.topic for row in sent.rows).items():
            metrics.add(PUBLISHED, count, topic)
        return sent

    async def _delete(self, sent: list[int]) -> None:
        lease = self._lease
        if lease is None:
            return
        held = await self._pool.fetchval(_DELETE, sent, lease.name, lease.holder, lease.term)
        if not held:
            raise lost(lease)

    async def _discard(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await abandon(producer)

    async def _give_back(self) -> None:
        if self._lease is not None:
            # Whoever cannot be told finds the lease lapsed.
            with suppress(*OUTSIDE):
                async with self._pool.acquire() as connection:
                    await give_back(connection, self._lease)


def _why(error: Exception) -> str:
    """Say why nothing is published; what is neither said nor the database's is the broker's."""
    if isinstance(error, Retry):
        return error.reason
    if isinstance(error, (asyncpg.PostgresError, asyncpg.InterfaceError)):
        return f"not publishing: {outage(error)}"
    return "not publishing"
