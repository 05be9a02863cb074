# SPDX-License-Identifier: Apache-2.0
"""Where the data of a partition end: behind them stand markers of transactions, which nobody consumes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from cairn.brokers import Bootstrap, connection

# Markers come one after each transaction, so that hardly ever more than a few stand in a row at the end.
_BACK = 100
_LONGEST_SECONDS = 5.0
_FETCH_BYTES = 64 * 1024


async def ends_of_data(
    bootstrap: Bootstrap, progress: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Return behind which offset each partition has no data, given from where it is to be consumed.

    Reads the end of those logs alone whose end is not reached. Where it is too far to tell, the end that
    the log itself has is returned. Raises KafkaError.
    """
    if not progress:
        return {}  # the client waits in vain for the ends of none
    async with _consumer(bootstrap) as consumer:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(sorted(progress))
        behind = {at: end for at, end in ends.items() if end > progress[at]}
        if not behind:
            return ends
        consumer.assign(list(behind))
        begins = await consumer.beginning_offsets(list(behind))
        found = {at: max(begins[at], progress[at], end - _BACK) for at, end in behind.items()}
        for at, offset in found.items():
            consumer.seek(at, offset)
        read = await _read(consumer, behind, found)
    return ends | {at: offset for at, offset in found.items() if at in read}


async def _read(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], found: dict[TopicPartition, int]
) -> set[TopicPartition]:
    """Move what is found on to behind the last record of each; return which logs were read to their end."""
    reading = set(ends)
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            while reading:
                for at, batch in (await consumer.getmany(*reading, timeout_ms=100)).items():
                    found[at] = max(found[at], batch[-1].offset + 1)
                reading -= {at for at in reading if await consumer.position(at) >= ends[at]}
    except TimeoutError:
        pass
    return set(ends) - reading


@asynccontextmanager
async def _consumer(bootstrap: Bootstrap) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        **connection(bootstrap), enable_auto_commit=False, max_partition_fetch_bytes=_FETCH_BYTES
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()
