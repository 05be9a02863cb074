# SPDX-License-Identifier: Apache-2.0
"""The aiokafka runner: for stages in which moving rows dominates.

At assignment each partition is set to the progress that the database holds. Offsets are committed
to Kafka after the database's commit, as advice to whoever shows the lag.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import stamina
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord

from chassis import telemetry
from chassis.errors import Retry
from chassis.health import Health
from chassis.sqlstate import OUTSIDE
from chassis.streams.batch import Batches, Stopped
from chassis.streams.message import Partition, Record
from chassis.streams.pace import Pace
from chassis.streams.topic_ids import read_topic_ids
from chassis.streams.topic_watch import TopicWatch
from chassis.unit.work import UnitOfWork

# What a unit of work costs is paid once for all of it (pipeline.md 5). So one that follows closely on
# the last waits a little for company, and a poll that brings many, behind which there are surely more,
# a little longer; a record that comes alone waits for nothing.
_POLL_MS = 200
_PACE_SECONDS = 0.005
_MANY = 32
_FILL_SECONDS = 0.025
_ADVICE_SECONDS = 1.0
# Waiting out a database must not cost the partitions; a dead process is noticed by its heartbeat.
_LONGEST_POLL_MS = 24 * 3600 * 1000
# What an assignment waits for: the database, the broker, and a topic that it does not know yet.
_ABSENT: tuple[type[Exception], ...] = (*OUTSIDE, KafkaError, Retry)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ConsumerSettings:
    """Where to consume from, and how."""

    bootstrap: str
    group: str
    topics: tuple[str, ...]
    batch_size: int = 2000
    isolation: Literal["read_committed", "read_uncommitted"] = "read_uncommitted"
    session_timeout_ms: int = 45_000
    heartbeat_ms: int = 3_000


class AiokafkaRunner:
    """Feeds one consumer's batches to its unit of work."""

    def __init__(self, settings: ConsumerSettings, work: UnitOfWork, health: Health) -> None:
        """Begin without an assignment; ``health`` learns of assignment and loss."""
        self._settings = settings
        self._work = work
        self._health = health
        self._health.expect("assigned")
        self._watch = TopicWatch(settings.bootstrap, work, settings.topics)
        self._ended = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until asked to stop; the batch in hand is finished first."""
        consumer = self._consumer()
        advice = _Advice(consumer)
        batches = Batches(self._work, self._health, advice.note, stop, Pace())
        assignment = _Assignment(consumer, self._settings.bootstrap, self._work, self._health)
        consumer.subscribe(self._settings.topics, listener=assignment)
        await consumer.start()
        try:
            with suppress(Stopped):
                while not stop.is_set():
                    await self._turn(consumer, batches, assignment)
                    await advice.commit(_ADVICE_SECONDS)
            await advice.commit(0)
        finally:
            await consumer.stop()

    def _consumer(self) -> AIOKafkaConsumer:
        settings = self._settings
        return AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap,
            group_id=settings.group,
            client_id=settings.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level=settings.isolation,
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=settings.heartbeat_ms,
            max_poll_interval_ms=_LONGEST_POLL_MS,
            fetch_max_wait_ms=_POLL_MS,
            # A larger record comes through all the same, alone (KIP-74); more than this a partition only
            # fills the memory with what waits.
            max_partition_fetch_bytes=1024 * 1024,
        )

    async def _turn(self, consumer: AIOKafkaConsumer, batches: Batches, assignment: "_Assignment") -> None:
        await assignment.settled()
        records = await self._poll(consumer)
        # aiokafka may hand records out before a new partition is set to its progress, and then others again.
        if moved := await assignment.settled():
            records = [record for record in records if record.at not in moved]
            await self._seek_to_progress(consumer, moved & _assigned(consumer))
        await self._watch.look()
        if not records:
            return
        offsets = await batches.process(records)
        self._ended = time.monotonic()
        if disowned := self._work.ownership.disowned & _assigned(consumer):
            log.warning("claimed again", partitions=len(disowned))
            await self._seek_to_progress(consumer, disowned)
        await self._report_lag(consumer, offsets)

    async def _seek_to_progress(self, consumer: AIOKafkaConsumer, wanted: Iterable[Partition]) -> None:
        await seek_to_progress(consumer, self._settings.bootstrap, self._work, wanted)

    async def _poll(self, consumer: AIOKafkaConsumer) -> list[Record]:
        size = self._settings.batch_size
        records = _records(await consumer.getmany(timeout_ms=_POLL_MS, max_records=size))
        rested = time.monotonic() - self._ended
        wait = _FILL_SECONDS if len(records) >= _MANY else _PACE_SECONDS - rested
        if 0 < len(records) < size and wait > 0:
            await asyncio.sleep(wait)
            records += _records(await consumer.getmany(timeout_ms=0, max_records=size - len(records)))
        return records

    async def _report_lag(self, consumer: AIOKafkaConsumer, offsets: dict[Partition, int]) -> None:
        # One that is not assigned any more is another consumer's to report; `highwater` asserts it.
        for at, offset in offsets.items():
            if TopicPartition(*at) not in consumer.assignment():
                continue
            with suppress(IllegalStateError):
                end = consumer.highwater(TopicPartition(*at))
                if end is not None:
                    # The position passes over markers of transactions, which are no records.
                    done = max(offset, await consumer.position(TopicPartition(*at)))
                    telemetry.lag(self._settings.group, at.topic, at.number, max(0, end - done))


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Sets each newly assigned partition to the database's progress.

    aiokafka logs what a listener raises and goes on; :meth:`settled` raises it where it ends the process.
    """

    def __init__(self, consumer: AIOKafkaConsumer, bootstrap: str, work: UnitOfWork, health: Health) -> None:
        self._consumer = consumer
        self._bootstrap = bootstrap
        self._work = work
        self._health = health
        self._failure: Exception | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._moved: set[Partition] = set()

    async def settled(self) -> frozenset[Partition]:
        """Wait until no assignment is under way; return what has been assigned since the last call.

        Raises what an assignment failed of: none of its records may be folded.
        """
        await self._idle.wait()
        if self._failure is not None:
            raise self._failure
        moved, self._moved = frozenset(self._moved), set()
        return moved

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._health.unmet("assigned", "rebalancing")
        self._work.ownership.release(Partition(at.topic, at.partition) for at in revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        wanted = [Partition(at.topic, at.partition) for at in assigned]
        self._moved.update(wanted)
        self._idle.clear()
        try:
            async for attempt in stamina.retry_context(on=_ABSENT, attempts=None, timeout=None, wait_max=5.0):
                with attempt:
                    await seek_to_progress(self._consumer, self._bootstrap, self._work, wanted)
        except Exception as error:  # noqa: BLE001 - raised again by settled(), where it ends the process
            self._failure = error
        else:
            self._health.met("assigned")
        finally:
            self._idle.set()


async def seek_to_progress(
    consumer: AIOKafkaConsumer, bootstrap: str, work: UnitOfWork, wanted: Iterable[Partition]
) -> None:
    """Claim partitions and set each to its stored progress."""
    partitions = [TopicPartition(*at) for at in wanted]
    if not partitions:
        return
    ids = await read_topic_ids(bootstrap, {at.topic for at in partitions})
    begins = {Partition(*at): offset for at, offset in (await consumer.beginning_offsets(partitions)).items()}
    for at, offset in (await work.claim(begins, ids)).items():
        consumer.seek(TopicPartition(*at), offset)


class _Advice:
    """What Kafka is told of the progress, now and then: the truth is in the database.

    The next owner begins from there, so an offset that was never committed costs nothing.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._offsets: dict[TopicPartition, int] = {}
        self._told_at = 0.0

    async def note(self, offsets: Mapping[Partition, int]) -> None:
        """Keep what has been committed to the database, to be told."""
        self._offsets |= {TopicPartition(*at): offset for at, offset in offsets.items()}

    async def commit(self, every: float) -> None:
        """Tell what was noted, unless that was done less than so many seconds ago."""
        now = time.monotonic()
        if not self._offsets or now - self._told_at < every:
            return
        told, self._offsets, self._told_at = self._offsets, {}, now
        try:
            await self._consumer.commit(told)
        except KafkaError as error:
            log.warning("offsets not committed", error=type(error).__name__)


def _assigned(consumer: AIOKafkaConsumer) -> frozenset[Partition]:
    return frozenset(Partition(at.topic, at.partition) for at in consumer.assignment())


def _records(polled: dict[TopicPartition, list[ConsumerRecord]]) -> list[Record]:
    return [
        Record(at, each.offset, each.key, each.value, tuple(each.headers), each.timestamp)
        for at, batch in ((Partition(*at), batch) for at, batch in polled.items())
        for each in batch
    ]
