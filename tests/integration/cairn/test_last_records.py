# SPDX-License-Identifier: Apache-2.0
"""Where the data end, behind which only markers of transactions stand."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cairn.topics.last_records import ends_of_data


@pytest.fixture
async def topic(broker: str) -> AsyncIterator[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    name = f"test.{uuid4().hex}"
    await admin.create_topics([NewTopic(name, 2, 1)])
    yield name
    await admin.delete_topics([name])
    await admin.close()


async def transact(broker: str, topic: str, transactions: int, *, abort_last: bool = False) -> None:
    """Publish two records and a marker in each transaction, in the first partition."""
    producer = AIOKafkaProducer(bootstrap_servers=broker, transactional_id=topic)
    await producer.start()
    try:
        for number in range(transactions):
            await producer.begin_transaction()
            for _ in range(2):
                await producer.send_and_wait(topic, b"v", partition=0)
            if abort_last and number == transactions - 1:
                await producer.abort_transaction()
            else:
                await producer.commit_transaction()
    finally:
        await producer.stop()


@pytest.mark.parametrize(("begun_at", "end"), [(0, 8), (7, 8), (8, 8), (9, 9)])
async def test_a_marker_is_no_record(broker: str, topic: str, begun_at: int, end: int) -> None:
    await transact(broker, topic, 3)
    first, empty = TopicPartition(topic, 0), TopicPartition(topic, 1)
    assert await ends_of_data(broker, {first: begun_at, empty: 0}) == {first: end, empty: 0}


async def test_a_record_of_an_aborted_transaction_is_one_that_has_to_be_passed(
    broker: str, topic: str
) -> None:
    await transact(broker, topic, 2, abort_last=True)
    at = TopicPartition(topic, 0)
    assert await ends_of_data(broker, {at: 0}) == {at: 5}


async def test_only_the_end_of_a_long_log_is_read(broker: str, topic: str) -> None:
    await transact(broker, topic, 60)
    at = TopicPartition(topic, 0)
    assert await ends_of_data(broker, {at: 0}) == {at: 179}
