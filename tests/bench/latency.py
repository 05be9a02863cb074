# SPDX-License-Identifier: Apache-2.0
"""From the door's answer to the entry in the learner's record, under a steady load.

Every result is worth a credential. When its entry is told on ``records.entries.v1`` the record is
asked for over gRPC; the instant that counts is that of the answer, so that the notification and
the read are in the figure.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from random import Random
from time import perf_counter

from aiokafka import AIOKafkaConsumer, TopicPartition

from cairn.client.records import RecordsClient, open_records
from cairn.ids import TenantId, topic_key
from cairn.topics.catalogue import DEFAULT_PARTITIONS, ENTRIES
from deploy.local.cohort.submission import SOURCE, TENANT
from tests.bench.arrivals import Arrival, plan, send
from tests.bench.one_result import CREDENTIAL
from tests.e2e.installation import Whole

# Reading costs the same cores: of a faster load every second, third … result is read.
_READS_PER_SECOND = 100
_WARM_UP_SECONDS = 3.0
_LAST_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Warm-up left out: the rate that the door kept up with, and milliseconds to and from its answer."""

    accepted_per_second: float
    at_door: Sequence[float]
    to_record: Sequence[float]


async def measure(up: Whole, rate: int, seconds: float, seed: int) -> Latency:
    """Send results at a rate for so many seconds and follow each."""
    layout = up.installation.layout
    arrivals = plan(Random(f"{seed}/{rate}"), rate, _WARM_UP_SECONDS + seconds, layout.keys.key("identity"))
    read = arrivals[:: ceil(rate / _READS_PER_SECOND)]
    url = f"http://{layout.address('assessment-http')}/v1/sources/{SOURCE}/events"
    async with (
        open_records(layout.address("records-grpc"), TENANT) as records,
        _entries(up.bootstrap) as told,
        asyncio.TaskGroup() as tasks,
    ):
        waiting: dict[bytes | None, Arrival] = {
            topic_key(TenantId(TENANT), arrival.learner): arrival for arrival in read
        }
        listening = tasks.create_task(_listen(told, records, waiting))
        await send(url, arrivals)
        await asyncio.wait_for(asyncio.gather(*(arrival.read for arrival in read)), _LAST_SECONDS)
        listening.cancel()
    counted = [arrival for arrival in arrivals if arrival.at >= _WARM_UP_SECONDS]
    answered = [arrival.accepted.result() for arrival in counted]
    return Latency(
        # The door is as far behind at the end as its slowest answer is.
        accepted_per_second=len(counted) / (max(answered) - counted[0].due.result()),
        at_door=[arrival.at_door for arrival in counted],
        to_record=[arrival.to_record for arrival in read if arrival.at >= _WARM_UP_SECONDS],
    )


@asynccontextmanager
async def _entries(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Listen to the entries from now on."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(ENTRIES.name, number) for number in range(DEFAULT_PARTITIONS)])
        await consumer.seek_to_end()
        yield consumer
    finally:
        await consumer.stop()


async def _listen(
    told: AIOKafkaConsumer, records: RecordsClient, waiting: Mapping[bytes | None, Arrival]
) -> None:
    async with asyncio.TaskGroup() as reads:
        async for record in told:
            if (arrival := waiting.get(record.key)) is not None and not arrival.read.done():
                reads.create_task(_read(records, arrival))


async def _read(records: RecordsClient, arrival: Arrival) -> None:
    record = (await records.record(arrival.learner)).record
    if CREDENTIAL not in {award.credential for award in record.awards}:
        raise AssertionError("an entry was told that the record does not have")
    if not arrival.read.done():
        arrival.read.set_result(perf_counter())
