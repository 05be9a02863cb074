# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests see with: topics, databases and the wait for quiet, on real parts."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cairn.topics.catalogue import DEFAULT_PARTITIONS
from tests.e2e import quiet, topics
from tests.e2e.state import read_state
from tests.e2e.topics import Carried
from tests.integration.databases import Databases

SERVICES = Path(__file__).resolve().parents[3] / "services"
SOURCE, ID = ("ce_source", b"urn:s"), ("ce_id", b"1")


@pytest.fixture
async def topic(broker: str) -> AsyncIterator[str]:
    name = f"reading.{uuid4().hex[:12]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.create_topics([NewTopic(name, DEFAULT_PARTITIONS, 1)])
    yield name
    await admin.delete_topics([name])
    await admin.close()


@pytest.fixture
async def dsns(databases: Databases) -> AsyncIterator[dict[str, str]]:
    async with AsyncExitStack() as kept:
        made = [
            await kept.enter_async_context(databases.made(service, SERVICES / service / "migrations"))
            for service in quiet.CONSUMED
        ]
        yield {one.service: databases.as_admin(one) for one in made}


async def test_a_topic_is_read_whole_and_keeps_the_order_of_a_key(broker: str, topic: str) -> None:
    sent = [Carried(b"k%d" % (n % 50), (SOURCE, ("ce_id", b"%d" % n)), b"v") for n in range(1000)]
    assert await topics.write(broker, topic, sent) == 1000
    assert sum((await topics.ends(broker, topic)).values()) == 1000
    found = await topics.read(broker, topic)
    assert Counter(found) == Counter(sent)
    assert topics.canonical(found) == topics.canonical(sent)
    assert topics.canonical(found) != topics.canonical(reversed(sent))


def test_canonical_form_leaves_out_the_trace_and_repeats_alone() -> None:
    one = Carried(b"k", (SOURCE, ID, ("ce_traceparent", b"00-a")), b"v")
    again = Carried(b"k", (("ce_traceparent", b"00-b"), ID, SOURCE), b"v")
    assert topics.canonical([one]) == topics.canonical([again, one])
    other = Carried(b"k", (SOURCE, ID, ("ce_asof", b"1")), b"v")
    assert topics.canonical([one]) != topics.canonical([other])
    with pytest.raises(AssertionError, match="two contents"):
        topics.canonical([one, other])
    elsewhere = Carried(b"k", (("ce_source", b"urn:t"), ID), b"w")
    assert topics.canonical([one, elsewhere]) == {b"k": [one.canonical, elsewhere.canonical]}


async def test_an_empty_installation_reads_as_empty(dsns: dict[str, str]) -> None:
    state = await read_state(dsns, "open-university")
    assert (state.attainments, state.standings, state.entries, state.door) == ({}, {}, {}, Counter())


async def test_quiet_waits_for_records_and_outboxes(
    broker: str, topic: str, dsns: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quiet, "CONSUMED", {"assessment": (topic,), "recognition": (), "records": ()})
    await quiet.wait_until_quiet(broker, dsns, (), within=5)
    await topics.write(broker, topic, [Carried(b"k", (ID,), b"v")])
    with pytest.raises(quiet.StillMovingError, match=f"1 records of {topic} are unread"):
        await quiet.wait_until_quiet(broker, dsns, (), within=0)
    (partition,) = await topics.ends(broker, topic)
    connection = await asyncpg.connect(dsns["assessment"])
    await connection.execute(
        "insert into chassis.fence (consumer, topic, partition, next_offset, applied)"
        " values ('c', $1, $2, 1, 1)",
        topic,
        partition,
    )
    await quiet.wait_until_quiet(broker, dsns, (), within=5)
    state = await read_state(dsns, "open-university")
    assert state.outcomes == {("c", topic): Counter(applied=1)}
    await connection.execute(
        "insert into chassis.outbox (tenant, topic, partition, headers) values ('t', $1, 0, '[]')", topic
    )
    await connection.close()
    with pytest.raises(quiet.StillMovingError, match="1 rows in the outbox of assessment"):
        await quiet.wait_until_quiet(broker, dsns, (), within=0)
