# SPDX-License-Identifier: Apache-2.0
"""What a broker or a clock should not be: named with its remedy, and nothing is damaged."""

import asyncio
import re
import shlex
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import time_machine
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.producer import message_accumulator, producer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from cairn.topics.catalogue import DEFAULT_PARTITIONS
from chassis.database import open_pool
from chassis.errors import Reject, Retry
from chassis.health import Health
from chassis.relay.lease import take_lease
from chassis.relay.relay import Relay
from chassis.relay.slot import LEASE
from chassis.topics import read_partitions
from chassis.unit.outbox import Outgoing
from tests.integration.chassis.probe.feed import as_record, feed, result
from tests.integration.chassis.probe.outbox import TENANT, write_outbox
from tests.integration.chassis.probe.running import (
    PARTITIONS,
    RUNNERS,
    Probe,
    consuming,
    counts,
    eventually,
    histories,
    read_all,
    relaying,
)
from tests.integration.chassis.probe.topics import make, make_again, with_admin

HOUR = 3600.0
_SLOW_SECONDS = 60.0


@pytest.fixture
async def odd(broker: str) -> AsyncIterator[tuple[str, str]]:
    """Make a topic of one partition more than the others have, and one that is compacted as well."""
    name = uuid4().hex[:12]
    more, compacted = f"probe.{name}.more", f"probe.{name}.compacted"
    config = {"cleanup.policy": "compact,delete"}
    topics = [NewTopic(more, PARTITIONS + 1, 1), NewTopic(compacted, PARTITIONS, 1, topic_configs=config)]
    await make(broker, topics)
    yield more, compacted
    await with_admin(broker, lambda admin: admin.delete_topics([more, compacted]))


async def test_topics_as_they_should_be_are_read(probe: Probe) -> None:
    found = await read_partitions(probe.bootstrap, {probe.topic, probe.published})
    assert dict(found.by_topic) == {probe.topic: PARTITIONS, probe.published: PARTITIONS}


async def test_a_topic_of_another_number_of_partitions_is_refused_at_the_start(
    probe: Probe, odd: tuple[str, str]
) -> None:
    more, _ = odd
    with pytest.raises(Reject, match="`cairn topics plan ") as caught:
        await read_partitions(probe.bootstrap, {probe.topic, more})
    assert f"{probe.topic} has {PARTITIONS}" in caught.value.reason
    assert f"{more} has {PARTITIONS + 1}" in caught.value.reason


async def test_a_compacted_topic_is_refused_at_the_start(probe: Probe, odd: tuple[str, str]) -> None:
    _, compacted = odd
    with pytest.raises(Reject, match=f"{compacted}; `cairn topics apply .* sets cleanup.policy to delete"):
        await read_partitions(probe.bootstrap, {probe.topic, compacted})


async def test_a_topic_that_is_not_there_is_named(probe: Probe) -> None:
    with pytest.raises(
        Retry, match=rf"no topic probe\.none; `cairn topics apply .* --partitions {PARTITIONS}`"
    ):
        await read_partitions(probe.bootstrap, {probe.topic, "probe.none"})


async def test_the_command_that_a_missing_topic_names_makes_it(broker: str) -> None:
    """Pasted as it is printed: on this broker, and for this platform."""
    source = f"test-{uuid4()}"
    there, missing = f"{source}.there", f"ingest.{source}.v1"
    new = NewTopic(there, DEFAULT_PARTITIONS, 1)
    await make(broker, [new])
    with pytest.raises(Retry) as caught:
        await read_partitions(broker, {there, missing})
    (command,) = re.findall("`(cairn [^`]*)`", caught.value.reason)
    name, *arguments = shlex.split(command)
    pasted = await asyncio.create_subprocess_exec(Path(sys.executable).parent / name, *arguments)
    assert await pasted.wait() == 0
    assert set((await read_partitions(broker, {there, missing})).by_topic) == {there, missing}
    made = [there, missing, f"{missing}.dlq"]
    await with_admin(broker, lambda admin: admin.delete_topics(made))


async def test_a_record_for_a_partition_that_is_gone_waits_until_it_is_there(probe: Probe) -> None:
    """The outbox holds partition numbers: the topic is made again with fewer, and then as it was."""
    await make_again(probe.bootstrap, probe.published, 1)
    consume, relay = await open_pool(probe.consume, 1), await open_pool(probe.relay, 4)
    rows = [Outgoing(TENANT, probe.published, number, b"k", "[]", b"%d" % number) for number in (2, 1, 0)]
    await write_outbox(consume, rows)
    health, stop = Health(), asyncio.Event()
    running = asyncio.create_task(Relay(relay, probe.bootstrap, 1, health).run(stop))

    async def named() -> bool:
        return "has 1 partitions, and a record is to be published in number" in str(health.report())

    await eventually(named)
    assert "make the topic again with the number that it had" in str(health.report())
    assert await read_all(probe.bootstrap, probe.published, 1) == [("k", 0, b"0")]
    await make_again(probe.bootstrap, probe.published)
    found = await read_all(probe.bootstrap, probe.published, 2)
    assert sorted((number, value) for _, number, value in found) == [(1, b"1"), (2, b"2")]

    async def ready() -> bool:
        return health.ready

    await eventually(ready)
    stop.set()
    await running
    await consume.close()
    await relay.close()


class Bytes(str):
    """A header name that is written byte by byte."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return str.encode(self, "latin-1")


@pytest.mark.parametrize("runner", sorted(RUNNERS))
async def test_a_header_name_that_is_no_text_holds_up_nobody(
    probe: Probe, runner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The compiled builder of batches takes nothing but text.
    for module in (message_accumulator, producer):
        monkeypatch.setattr(module, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
    async with AIOKafkaProducer(bootstrap_servers=probe.bootstrap, linger_ms=50) as sending:
        for number in range(6):
            key, value, headers = as_record(result(number, f"l{number % 2}"))
            odd = [(Bytes("\xff"), b"1")] if number == 2 else []
            await sending.send(probe.topic, value, key=key, headers=[*headers, *odd])
    async with consuming(probe, runner):

        async def all_of_them() -> bool:
            return (await counts(probe))["applied"] == 6

        await eventually(all_of_them)
    assert await histories(probe) == {"probe-a/l0": ".e0.e2.e4", "probe-a/l1": ".e1.e3.e5"}


@pytest.mark.parametrize("off", [HOUR, -HOUR])
async def test_a_clock_an_hour_off_gives_nobody_a_lease_and_changes_no_result(
    probe: Probe, off: float
) -> None:
    """Leases go by the database's clock, and what is folded by the instant that came with the event."""
    await feed(probe.bootstrap, probe.topic, [result(number, f"l{number % 3}") for number in range(30)])
    pool = await open_pool(probe.relay, 1)

    async with relaying(probe, slots=1), pool.acquire() as connection:

        async def held() -> object:
            return await connection.fetchval("select holder from chassis.lease")

        holder = await eventually(held)
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=off)):
            assert (
                abs(
                    datetime.now(UTC).timestamp()
                    - await connection.fetchval("select extract(epoch from now())::float8")
                    - off
                )
                < _SLOW_SECONDS
            )
            assert await take_lease(connection, "relay/0-of-1", "whose clock is off", LEASE) is None
            async with consuming(probe, "aiokafka"), relaying(probe, slots=1):

                async def all_of_them() -> bool:
                    return (await counts(probe))["applied"] == 30

                await eventually(all_of_them)
                assert len(await read_all(probe.bootstrap, probe.published, 30)) == 30
        assert await held() == holder
        left = await connection.fetchval("select expires_at - now() from chassis.lease")
        assert timedelta(0) < left <= LEASE
    await pool.close()
    assert await histories(probe) == {
        f"probe-a/l{learner}": "".join(f".e{number}" for number in range(learner, 30, 3))
        for learner in range(3)
    }
    admin = await asyncpg.connect(probe.admin)
    assert await admin.fetchval("select count(*) from chassis.outbox") == 0
    await admin.close()
