# SPDX-License-Identifier: Apache-2.0
"""What the broker refuses of an outbox holds up what is behind it in its partition, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from chassis.database import Pool
from chassis.relay.publisher import Unsent, abandon, send, start_producer
from chassis.streams.message import Partition
from tests.integration.chassis.probe.outbox import empty, left, write, write_values
from tests.integration.chassis.probe.running import Probe, eventually, read_all, relaying
from tests.integration.chassis.probe.topics import make, with_admin

LIMIT = "max.message.bytes"


@pytest.fixture
async def small(broker: str) -> AsyncIterator[str]:
    """Make a topic of one partition that takes no batch of more than 1,000 bytes."""
    topic = f"probe.{uuid4().hex[:12]}.small"
    await make(broker, [NewTopic(topic, 1, 1, topic_configs={LIMIT: "1000"})])
    yield topic
    await with_admin(broker, lambda admin: admin.delete_topics([topic]))


async def let_in(broker: str, topic: str) -> None:
    """Have a topic take what it has refused."""
    changed = ConfigResource(ConfigResourceType.TOPIC, topic, configs={LIMIT: "2000000"})
    await with_admin(broker, lambda admin: admin.alter_configs([changed]))


async def length(broker: str, topic: str) -> int:
    """Return how many records the first partition of a topic has had."""
    at = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(bootstrap_servers=broker) as consumer:
        ends = await consumer.end_offsets([at])
    return int(ends[at])


async def test_what_one_partition_refuses_is_sent_no_more_often_with_the_rest(
    probe: Probe, pool: Pool, small: str
) -> None:
    await write_values(pool, small, [b"x" * 5000])
    await write(pool, probe, range(50))

    async def only_that_is_left() -> bool:
        return await left(probe) == [small]

    async with relaying(probe):
        await eventually(only_that_is_left)
        await write(pool, probe, range(50, 60))
        await eventually(only_that_is_left)

    found = await read_all(probe.bootstrap, probe.published, 60)
    assert sorted(int(value or b"") for _, _, value in found) == list(range(60))


# With the others in one batch, and in a batch of its own.
@pytest.mark.parametrize("large", [5000, 300_000])
async def test_what_stands_before_a_refused_row_is_sent_once_and_what_stands_behind_it_waits(
    probe: Probe, pool: Pool, admin: asyncpg.Connection, small: str, large: int
) -> None:
    values = [b"before", b"x" * large, b"behind"]
    await write_values(pool, small, values)

    async def the_first_is_sent() -> bool:
        found = await admin.fetch("select value from chassis.outbox order by id")
        return [row["value"] for row in found] == values[1:]

    async with relaying(probe):
        await eventually(the_first_is_sent, 20)
        # So long that it is tried again a few times.
        await asyncio.sleep(5)
        assert await the_first_is_sent()
        assert await length(probe.bootstrap, small) == 1
        await let_in(probe.bootstrap, small)
        await eventually(lambda: empty(probe))
    assert [value for _, _, value in await read_all(probe.bootstrap, small, 3)] == values


async def test_more_refused_rows_than_are_read_at_once_hold_up_no_other_partition(
    probe: Probe, pool: Pool, small: str
) -> None:
    await write_values(pool, small, [b"x" * 2000] * 2500)
    await write(pool, probe, range(50))

    async def only_those_are_left() -> bool:
        return await left(probe) == [small] * 2500

    async with relaying(probe, slots=1) as health:
        await eventually(only_those_are_left, 20)
        assert f"{small}, partition 0: MessageSizeTooLargeError" in str(health.report())
        await write(pool, probe, range(50, 60))
        await eventually(only_those_are_left, 5)
    found = await read_all(probe.bootstrap, probe.published, 60)
    assert sorted(int(value or b"") for _, _, value in found) == list(range(60))


async def test_a_topic_that_is_gone_is_named_and_holds_up_only_its_own_rows(probe: Probe, pool: Pool) -> None:
    await write_values(pool, "probe.gone", [b"1"])
    await write(pool, probe, range(50))

    async def only_that_is_left() -> bool:
        return await left(probe) == ["probe.gone"]

    async with relaying(probe, slots=1) as health:
        await eventually(only_that_is_left, 5)
        assert not health.ready
        assert "no topic probe.gone, and a record is to be published in number 0" in str(health.report())

        async def ready() -> bool:
            return health.ready

        await forget(probe)
        await eventually(ready)


async def forget(probe: Probe) -> None:
    """Empty the outbox, as an operator would who knows that nobody wants its rows."""
    connection = await asyncpg.connect(probe.admin)
    await connection.execute("truncate chassis.outbox")
    await connection.close()


async def test_what_was_acknowledged_in_time_is_sent_although_the_rest_was_not(probe: Probe) -> None:
    rows = [Unsent(number, Partition(probe.published, 0), b"k", "[]", bytes(200_000)) for number in range(80)]
    within, sent = 0.02, None
    # One of these is long enough for a batch, and so too short for eighty.
    while sent is None or not sent.rows:
        within *= 2
        producer = await start_producer(probe.bootstrap, "probe", 8.0)
        try:
            sent = await send(producer, rows, within)
        except TimeoutError:
            continue
        finally:
            await abandon(producer)
    assert len(sent.rows) < len(rows)
    assert sent.rows == rows[: len(sent.rows)]
