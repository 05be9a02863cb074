# SPDX-License-Identifier: Apache-2.0
"""The aiokafka runner: for stages in which moving rows dominates.

At assignment each partition is set to the progress that the database holds. Offsets are committed
to Kafka after the database's commit, as advice to whoever shows the lag.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord

from cairn.brokers import Bootstrap, connection
from chassis.health import Health
from chassis.sqlstate import OUTSIDE, REDO
from chassis.streams.assignment import Assignment
from chassis.streams.batch import Batches
from chassis.streams.claim_watch import ClaimWatch
from chassis.streams.header_names import read_any_header_name
from chassis.streams.message import Partition, Record
from chassis.streams.pace import Pace
from chassis.unit.work import UnitOfWork
from chassis.waiting import Stopped

# What a unit of work costs is paid once for all of it (pipeline.md 5). So one that follows closely on
# the last waits a little for company, and a poll that brings many, behind which there are surely more,
# a little longer; a record that comes alone waits for nothing.
_POLL_MS = 200
_PACE_SECONDS = 0.005
_MANY = 32
_FILL_SECONDS = 0.025
_ADVICE_SECONDS = 1.0
_POSITION_SECONDS = 0.2
# Waiting out a database must not cost the partitions; a dead process is noticed by its heartbeat.
_LONGEST_POLL_MS = 24 * 3600 * 1000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ConsumerSettings:
    """Where to consume from, and how."""

    bootstrap: Bootstrap
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
        read_any_header_name()
        self._settings = settings
        self._work = work
        self._health = health
        self._health.expect("assigned")
        self._watch = ClaimWatch(settings.bootstrap, work, settings.topics)
        self._ended = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until asked to stop; the batch in hand is finished first."""
        consumer = self._consumer()
        advice = _Advice(consumer)
        batches = Batches(self._work, self._health, advice.note, stop, Pace())
        assignment = Assignment(consumer, self._settings.bootstrap, self._work, self._health, stop)
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
            **connection(settings.bootstrap),
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

    async def _turn(self, consumer: AIOKafkaConsumer, batches: Batches, assignment: Assignment) -> None:
        await assignment.settled()
        records = await self._poll(consumer)
        # aiokafka may hand records out before a new partition is set to its progress, and then others again.
        if moved := await assignment.settled():
            records = [record for record in records if record.at not in moved]
        self._work.ownership.take(records)
        if moved:
            await assignment.seek(moved & _assigned(consumer))
        looked = await self._watch.look()
        if records:
            # aiokafka begins again by itself at the start of a log that its offset has fallen out of.
            if astray := self._work.ownership.astray(records):
                await assignment.check_logs(astray)
            await batches.process(records)
            self._ended = time.monotonic()
        if disowned := self._work.ownership.disowned & _assigned(consumer):
            log.warning("claimed again", partitions=len(disowned))
            await assignment.seek(disowned)
        if looked and not disowned:
            await self._pass_markers(consumer, assignment)

    async def _pass_markers(self, consumer: AIOKafkaConsumer, assignment: Assignment) -> None:
        """Move the progress over what lies behind the last record of a partition and is none.

        Else the marker of the last transaction would be told as lost once the log is deleted up to its end.
        Nothing is in hand: whatever lies before a position was handed out, and is done.
        """
        ahead: dict[Partition, tuple[int, int]] = {}
        for at in _assigned(consumer):
            # One whose position is not known, since it has no leader say, is for another time.
            with suppress(IllegalStateError, TimeoutError):
                position = await asyncio.wait_for(consumer.position(TopicPartition(*at)), _POSITION_SECONDS)
                stood = self._work.ownership.stands(at)
                if stood is not None and stood < position:
                    ahead[at] = stood, position
        # Between a claim and the seek that follows, a position is still that of before.
        if ahead and assignment.still():
            await assignment.check_logs(ahead)
            with suppress(*REDO, *OUTSIDE):
                await self._work.pass_over(ahead)

    async def _poll(self, consumer: AIOKafkaConsumer) -> list[Record]:
        size = self._settings.batch_size
        records = _records(await consumer.getmany(timeout_ms=_POLL_MS, max_records=size))
        rested = time.monotonic() - self._ended
        wait = _FILL_SECONDS if len(records) >= _MANY else _PACE_SECONDS - rested
        if 0 < len(records) < size and wait > 0:
            await asyncio.sleep(wait)
            records += _records(await consumer.getmany(timeout_ms=0, max_records=size - len(records)))
        return records


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
