# SPDX-License-Identifier: Apache-2.0
"""How much a consumer has still to do, told alike under both runners, also while it is halted.

Asked of the broker by a connection of its own: what a consumer has fetched says nothing of what it has not.
"""

import asyncio
import time
from collections.abc import Mapping

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from cairn.brokers import connection
from chassis import metrics
from chassis.metric_catalogue import BROKER_ANSWERED, LAG
from chassis.streams.aiokafka_runner import ConsumerSettings
from chassis.streams.message import Offsets, Partition
from chassis.unit.ownership import Ownership
from chassis.waiting import within

_LOOK_SECONDS = 10.0

log = structlog.get_logger()


class LagWatch:
    """Compares now and then where the owned partitions end with how far they are done."""

    def __init__(self, settings: ConsumerSettings, ownership: Ownership) -> None:
        self._settings = settings
        self._ownership = ownership

    async def run(self, stop: asyncio.Event) -> None:
        """Look until asked to stop; a broker that cannot be asked is asked again."""
        while not await within(_LOOK_SECONDS, stop):
            done = self._ownership.progress
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    ends = await self._ends(done)
            except (KafkaError, TimeoutError, OSError) as error:
                # What was told last stands: a lag that is not known is not none.
                log.warning("lag not known", error=type(error).__name__)
                continue
            metrics.replace(LAG, _series(self._settings.group, done, ends))
            metrics.hold(BROKER_ANSWERED, time.time(), self._settings.group)

    async def _ends(self, partitions: Offsets) -> Mapping[Partition, int]:
        if not partitions:
            return {}
        settings = self._settings
        asking = AIOKafkaConsumer(
            **connection(settings.bootstrap),
            client_id=f"{settings.group}-lag",
            isolation_level=settings.isolation,
            enable_auto_commit=False,
        )
        try:
            await asking.start()
            ends = await asking.end_offsets([TopicPartition(*at) for at in partitions])
        finally:
            await asking.stop()
        return {Partition(*at): end for at, end in ends.items()}


def _series(consumer: str, done: Offsets, ends: Mapping[Partition, int]) -> dict[tuple[str, ...], float]:
    return {
        (consumer, at.topic, str(at.number)): max(0, end - done[at]) for at, end in ends.items() if at in done
    }
