# SPDX-License-Identifier: Apache-2.0
"""Positions are gapless per tenant, follow each learner's sequence, and belong to one term at a time."""

import asyncio
from datetime import timedelta

import pytest

from cairn.events.decision import DecisionKind
from chassis.database import Pool
from chassis.errors import Conflict
from chassis.health import Health
from services.records.adapters.postgres_positions import PostgresPositions
from services.records.app.sequencer import Sequencer
from tests.integration.services.records.feeding import LEASE, feed, life, seeing, sequence

C, U, H = DecisionKind.CONFERRED, DecisionKind.UNDER_REVIEW, DecisionKind.UPHELD


async def positions_of(pool: Pool, tenant: str) -> list[tuple[int, str, int]]:
    async with seeing(pool, tenant) as connection:
        rows = await connection.fetch(
            "select position, learner, sequence, recorded_at from records.position order by position"
        )
    recorded = [row["recorded_at"] for row in rows]
    assert recorded == sorted(recorded)
    return [(row["position"], row["learner"], row["sequence"]) for row in rows]


async def test_every_tenant_has_its_own_gapless_positions(
    consume: Pool, serve: Pool, schedule: Pool, tenant: str
) -> None:
    other = f"{tenant}-b"
    for learner in ("l1", "l2", "l3"):
        await feed(consume, life(tenant, learner, C, U, H))
        await feed(consume, life(other, learner, C))
        await sequence(schedule)

    for name, count in ((tenant, 9), (other, 3)):
        positions = await positions_of(serve, name)
        assert [position for position, _, _ in positions] == list(range(1, count + 1))
        for learner in ("l1", "l2", "l3"):
            sequences = [number for _, whose, number in positions if whose == learner]
            assert sequences == sorted(sequences)


async def test_more_than_one_turn_holds_is_taken_in_turns(
    consume: Pool, serve: Pool, schedule: Pool, tenant: str
) -> None:
    store = PostgresPositions(schedule, "turns", LEASE)
    lease = await store.take()
    assert lease is not None
    while await store.sequence(lease, 1000):
        pass  # what other tests have left
    await feed(consume, [each for number in range(30) for each in life(tenant, f"l{number}", C, U)])
    taken = [await store.sequence(lease, 25) for _ in range(4)]
    await store.give_back(lease)

    assert taken == [25, 25, 10, 0]
    assert [position for position, _, _ in await positions_of(serve, tenant)] == list(range(1, 61))


async def test_only_one_is_the_sequencer(schedule: Pool) -> None:
    one, two = (PostgresPositions(schedule, holder, LEASE) for holder in ("one", "two"))
    lease = await one.take()
    assert lease is not None
    assert await two.take() is None
    assert await one.take() == lease
    await one.give_back(lease)
    assert await two.take() is not None
    await schedule.execute("update chassis.lease set expires_at = '-infinity'")


async def test_one_that_slept_past_its_lease_changes_nothing(
    consume: Pool, serve: Pool, schedule: Pool, tenant: str
) -> None:
    await feed(consume, life(tenant, "l1", C))
    sleeper = PostgresPositions(schedule, "sleeper", timedelta(milliseconds=1))
    lease = await sleeper.take()
    assert lease is not None
    await asyncio.sleep(0.01)
    await sequence(schedule, "next")
    await feed(consume, life(tenant, "l2", C))
    with pytest.raises(Conflict):
        await sleeper.sequence(lease, 1000)

    assert await positions_of(serve, tenant) == [(1, "l1", 1)]


async def test_two_that_run_make_one_gapless_record(
    consume: Pool, serve: Pool, schedule: Pool, tenant: str
) -> None:
    stop = asyncio.Event()
    health = Health()
    running = [
        asyncio.create_task(Sequencer(PostgresPositions(schedule, holder, LEASE), health).run(stop))
        for holder in ("one", "two")
    ]
    for number in range(20):
        await feed(consume, life(tenant, f"l{number}", C, U))
    async with asyncio.timeout(10):
        # No event of this process tells what happens in a database.
        while len(await positions_of(serve, tenant)) < 40:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert health.ready
    stop.set()
    await asyncio.gather(*running)

    assert [position for position, _, _ in await positions_of(serve, tenant)] == list(range(1, 41))
