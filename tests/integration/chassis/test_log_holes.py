# SPDX-License-Identifier: Apache-2.0
"""A log that is cut under a running consumer: aiokafka goes on behind the hole by itself, in silence."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from chassis.streams import claim_watch
from chassis.streams.aiokafka_runner import AiokafkaRunner
from chassis.streams.message import Partition, Record
from chassis.unit.losses import RecordsLost
from chassis.unit.ownership import Ownership
from tests.integration.chassis.probe.feed import as_record, feed, result
from tests.integration.chassis.probe.running import Probe, consuming, counts, eventually
from tests.integration.chassis.probe.topics import lost


async def test_what_was_deleted_before_a_consumer_came_to_it_is_named(
    probe: Probe,
    delete_before: Callable[[Probe], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away, back, poll = asyncio.Event(), asyncio.Event(), AiokafkaRunner._poll

    async def away_for_a_while(runner: AiokafkaRunner, consumer: AIOKafkaConsumer) -> list[Record]:
        if away.is_set() and not back.is_set():
            consumer.pause(*consumer.assignment())
            await back.wait()
            consumer.resume(*consumer.assignment())
        return await poll(runner, consumer)

    async def fed(numbers: range) -> None:
        await feed(probe.bootstrap, probe.topic, [result(number, f"l{number % 4}") for number in numbers])

    async def taken() -> bool:
        return sum((await counts(probe)).values()) == 40

    async def cut_meanwhile() -> None:
        async with consuming(probe, "aiokafka"):
            await fed(range(40))
            await eventually(taken)
            away.set()
            await asyncio.sleep(1)  # a fetch that is under way brings nothing
            await fed(range(40, 80))
            await delete_before(probe)
            await fed(range(80, 120))
            back.set()
            await asyncio.sleep(5)

    monkeypatch.setattr(AiokafkaRunner, "_poll", away_for_a_while)
    with pytest.raises(RecordsLost) as caught:
        await cut_meanwhile()
    assert sum(lost(caught.value.reason)) == 40
    assert (await counts(probe))["applied"] == 40


async def test_the_marker_of_a_transaction_is_not_told_as_lost(
    probe: Probe,
    delete_before: Callable[[Probe], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
    admin: asyncpg.Connection,
) -> None:
    """A source that writes in transactions, and is then quiet for longer than its topic keeps records."""
    monkeypatch.setattr(claim_watch, "_LOOK_SECONDS", 0.5)
    producer = AIOKafkaProducer(bootstrap_servers=probe.bootstrap, transactional_id=probe.topic)
    async with producer:
        for _ in range(3):
            async with producer.transaction():
                for number in range(10):
                    key, value, headers = as_record(result(number, f"l{number % 4}"))
                    await producer.send(probe.topic, value, key=key, headers=headers)

    async def passed() -> bool:
        rows = await admin.fetch("select topic, partition, next_offset from chassis.fence")
        stands = {TopicPartition(*row[:2]): row[2] for row in rows}
        return bool(stands) and stands == await asking.end_offsets(stands)

    asking = AIOKafkaConsumer(bootstrap_servers=probe.bootstrap)
    async with asking, consuming(probe, "aiokafka"):
        await eventually(passed)
    await delete_before(probe)
    async with consuming(probe, "aiokafka"):
        await feed(
            probe.bootstrap, probe.topic, [result(number, f"l{number % 4}") for number in range(10, 20)]
        )

        async def taken() -> bool:
            return (await counts(probe))["applied"] == 20

        await eventually(taken)
    assert (await counts(probe))["duplicate"] == 20


def test_only_what_follows_on_what_was_done_or_came_before_is_in_its_place() -> None:
    ownership, one, other = Ownership("probe"), Partition("t", 0), Partition("t", 1)
    ownership._stood = {one: 5, other: 0}

    def records(at: Partition, *offsets: int) -> list[Record]:
        return [Record(at, offset, None, None, (), 0) for offset in offsets]

    assert ownership.astray([*records(one, 5, 6), *records(other, 0, 1)]) == set()
    assert ownership.astray([*records(one, 6), *records(other, 0)]) == {one}
    assert ownership.astray(records(one, 5, 7)) == {one}
    assert ownership.astray(records(other, 0, 1, 0)) == {other}
    assert ownership.astray(records(Partition("t", 2), 9, 10)) == set()
