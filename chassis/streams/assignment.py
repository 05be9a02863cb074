# SPDX-License-Identifier: Apache-2.0
"""Where aiokafka's consumer goes on once partitions are assigned to it: at the database's progress."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from functools import partial

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from cairn.brokers import Bootstrap
from chassis.errors import Retry
from chassis.health import Health
from chassis.sqlstate import OUTSIDE
from chassis.streams.message import Partition
from chassis.streams.topic_ids import read_topic_ids
from chassis.unit.restored import tell_restored
from chassis.unit.work import UnitOfWork
from chassis.waiting import patiently, unless

# What is waited for: the database, the broker, and a topic that it does not know yet.
_ABSENT: tuple[type[Exception], ...] = (*OUTSIDE, KafkaError, Retry)


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Sets each newly assigned partition to the database's progress.

    aiokafka logs what a listener raises and goes on; :meth:`settled` raises it where it ends the process.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        bootstrap: Bootstrap,
        work: UnitOfWork,
        health: Health,
        stop: asyncio.Event,
    ) -> None:
        """Begin with nothing assigned; nothing is waited for once ``stop`` is set."""
        self._consumer = consumer
        self._stop = stop
        self._bootstrap = bootstrap
        self._work = work
        self._health = health
        self._failure: Exception | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._moved: set[Partition] = set()

    async def settled(self) -> frozenset[Partition]:
        """Wait until no assignment is under way; return what has been assigned since the last call.

        Raises what an assignment failed of: none of its records may be folded; and Stopped.
        """
        if not self._idle.is_set():
            await unless(self._stop, self._idle)
        if self._failure is not None:
            raise self._failure
        moved, self._moved = frozenset(self._moved), set()
        return moved

    def still(self) -> bool:
        """Tell whether nothing has been assigned since :meth:`settled` was asked, nor is being."""
        return self._idle.is_set() and not self._moved

    async def seek(self, wanted: Iterable[Partition]) -> None:
        """Claim partitions and set each to its stored progress; what is not there is waited for."""
        await patiently(partial(self._seek, frozenset(wanted)), _ABSENT, self._stop)

    async def check_logs(self, wanted: Collection[Partition]) -> None:
        """Raise RecordsLost where a log no longer reaches to the stored progress."""
        starts, ends = await patiently(partial(extents, self._consumer, wanted), _ABSENT, self._stop)
        await patiently(partial(self._work.check_logs, starts, ends), _ABSENT, self._stop)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._health.unmet("assigned", "rebalancing")
        self._work.ownership.release(Partition(at.topic, at.partition) for at in revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        wanted = [Partition(at.topic, at.partition) for at in assigned]
        self._moved.update(wanted)
        self._idle.clear()
        try:
            await self.seek(wanted)
        except Exception as error:  # noqa: BLE001 - raised again by settled(), where it ends the process
            self._failure = error
        else:
            self._health.met("assigned")
        finally:
            self._idle.set()

    async def _seek(self, partitions: frozenset[Partition]) -> None:
        if not partitions:
            return
        ids = await read_topic_ids(self._bootstrap, {at.topic for at in partitions})
        starts, ends = await extents(self._consumer, partitions)
        offsets = await self._work.claim(starts, ends, ids)
        tell_restored(self._work.consumer, offsets, await _committed(self._consumer, partitions))
        for at, offset in offsets.items():
            # What is not assigned any more is its new owner's to seek.
            with suppress(IllegalStateError):
                self._consumer.seek(TopicPartition(*at), offset)


async def extents(
    consumer: AIOKafkaConsumer, wanted: Collection[Partition]
) -> tuple[dict[Partition, int], dict[Partition, int]]:
    """Return where logs start and where they end."""
    partitions = [TopicPartition(*at) for at in wanted]
    starts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    return _by_partition(starts), _by_partition(ends)


async def _committed(consumer: AIOKafkaConsumer, wanted: Collection[Partition]) -> dict[Partition, int]:
    """Return what the group has committed of partitions, of those of which it has anything."""
    found = {at: await consumer.committed(TopicPartition(*at)) for at in wanted}
    return {at: offset for at, offset in found.items() if offset is not None}


def _by_partition(offsets: Mapping[TopicPartition, int]) -> dict[Partition, int]:
    return {Partition(*at): offset for at, offset in offsets.items()}
