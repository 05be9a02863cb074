# SPDX-License-Identifier: Apache-2.0
"""Decisions become entries exactly once, in whole chains, however they are cut into batches (I1, I2)."""

import json
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest

from cairn.events.decision import DecisionKind, DecisionMade
from chassis.database import Pool
from chassis.unit.parking import Asked, ask, heads
from chassis.unit.replay import Replays
from deploy.local.provision import Provisioned
from services.records.app.ledger import ENTRIES
from services.records.domain.chain import Link, verify_chain
from tests.integration.services.records.feeding import PARENT, Feed, feed, life, made, seeing
from tests.integration.services.unreadable import changed, discard_first

P, C, U, H, W = (
    DecisionKind.PROPOSED,
    DecisionKind.CONFERRED,
    DecisionKind.UNDER_REVIEW,
    DecisionKind.UPHELD,
    DecisionKind.WITHDRAWN,
)


def cohort(tenant: str) -> list[DecisionMade]:
    """Return forty learners' decisions about two awards each, interleaved."""
    lives = [
        life(tenant, f"l{number}", *kinds, credential=credential)
        for number in range(40)
        for credential, kinds in (("aaa", (P, C, U, H)), ("bbb", (C, U, W, C)))
    ]
    return [each for step in zip(*lives, strict=True) for each in step]


async def stored(pool: Pool, tenant: str) -> list[tuple[object, ...]]:
    async with seeing(pool, tenant) as connection:
        rows = await connection.fetch(
            "select learner, sequence, entry_id, canonical, previous_hash, hash, traceparent"
            " from records.entry order by learner, sequence"
        )
    return [tuple(row) for row in rows]


async def outcomes(pool: Pool) -> dict[str, int]:
    row = await pool.fetchrow(
        "select sum(applied) as applied, sum(duplicate) as duplicate, sum(ignored) as ignored,"
        " sum(parked) as parked, sum(dead_lettered) as dead_lettered from chassis.fence"
    )
    return {name: int(count or 0) for name, count in row.items()} if row else {}


async def outbox(records: Provisioned, tenant: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(records.dsns["relay"])
    try:
        return list(
            await connection.fetch(
                "select topic, headers, value from chassis.outbox where tenant = $1 order by id", tenant
            )
        )
    finally:
        await connection.close()


async def test_chains_are_whole_and_gapless(consume: Pool, serve: Pool, tenant: str) -> None:
    await feed(consume, cohort(tenant), 7)
    rows = await stored(serve, tenant)

    assert len(rows) == 40 * 7
    chains: dict[object, list[Link]] = {}
    for learner, sequence, _, canonical, previous, closing, traceparent in rows:
        assert isinstance(canonical, str)
        link = Link(int(str(sequence)), canonical.encode(), bytes(previous), bytes(closing))  # type: ignore[call-overload]
        chains.setdefault(learner, []).append(link)
        assert traceparent == PARENT
    assert [verify_chain(chain) for chain in chains.values()] == [None] * 40


@pytest.mark.parametrize("size", [1, 7, 500])
async def test_batches_are_boundaries_and_nothing_more(
    consume: Pool, serve: Pool, records: Provisioned, size: int
) -> None:
    # The same tenant under each size would be one ledger; ids must not depend on it, so the name goes.
    tenants = f"whole{size}", f"cut{size}"
    await feed(consume, cohort(tenants[0]), 1000)
    await feed(consume, cohort(tenants[1])[:100], size)
    await feed(consume, cohort(tenants[1])[100:], size)

    async def shapes(tenant: str) -> list[tuple[object, ...]]:
        return [(row[0], row[1], _without_ids(str(row[3]))) for row in await stored(serve, tenant)]

    assert await shapes(tenants[0]) == await shapes(tenants[1])
    whole, cut = [await outbox(records, tenant) for tenant in tenants]
    assert len(whole) == len(cut) == 40 * 7


def _without_ids(canonical: str) -> str:
    statement = json.loads(canonical)
    return json.dumps({name: value for name, value in statement.items() if name not in _IDS})


_IDS = {"tenant", "entry_id", "decision_id"}


async def test_fed_again_nothing_changes(
    consume: Pool, serve: Pool, records: Provisioned, tenant: str
) -> None:
    await feed(consume, cohort(tenant))
    before, published, counts = (
        await stored(serve, tenant),
        await outbox(records, tenant),
        await outcomes(consume),
    )
    await feed(consume, cohort(tenant))

    assert await stored(serve, tenant) == before
    assert await outbox(records, tenant) == published
    after = await outcomes(consume)
    assert after == {**counts, "duplicate": counts["duplicate"] + 40 * 8}


async def test_what_the_inbox_has_forgotten_changes_nothing(
    consume: Pool, serve: Pool, records: Provisioned, tenant: str
) -> None:
    await feed(consume, cohort(tenant))
    before, published = await stored(serve, tenant), await outbox(records, tenant)
    counts = await outcomes(consume)
    owner = await asyncpg.connect(records.dsns["migrate"])
    await owner.execute("set role cairn_records_owner")
    await owner.execute("truncate chassis.inbox")
    await owner.close()
    await feed(consume, cohort(tenant))

    assert await stored(serve, tenant) == before
    assert await outbox(records, tenant) == published
    assert await outcomes(consume) == {**counts, "ignored": counts["ignored"] + 40 * 8}


async def test_an_entry_is_published_with_its_hash_and_its_trace(
    consume: Pool, records: Provisioned, serve: Pool, tenant: str
) -> None:
    await feed(consume, life(tenant, "l1", P, C))
    (published,) = await outbox(records, tenant)
    ((_, _, entry_id, _, previous, closing, _),) = await stored(serve, tenant)

    event = json.loads(published["value"])
    headers = dict(json.loads(published["headers"]))
    assert published["topic"] == ENTRIES
    assert (event["entry_id"], headers["ce_id"]) == (str(entry_id), str(entry_id))
    assert (event["previous_hash"], event["hash"]) == (bytes(previous).hex(), bytes(closing).hex())  # type: ignore[call-overload]
    assert headers["ce_traceparent"] == PARENT
    assert headers["ce_source"] == f"urn:cairn:records:{tenant}"


async def test_a_contradiction_is_put_aside_and_nothing_else_is_held_up(
    consume: Pool, records: Provisioned, serve: Pool, tenant: str
) -> None:
    before = await outcomes(consume)
    wrong = [made(tenant, "l1", H, 1), made(tenant, "l2", C, 2)]
    await feed(consume, [*wrong, made(tenant, "l3", C, 1)])
    after = await outcomes(consume)

    assert [row[0] for row in await stored(serve, tenant)] == ["l3"]
    assert after["dead_lettered"] - before["dead_lettered"] == 1
    assert after["parked"] - before["parked"] == 1
    reasons = [
        dict(json.loads(row["headers"]))["cairn_dlq_reason"]
        for row in await outbox(records, tenant)
        if row["topic"].endswith(".dlq")
    ]
    assert reasons == ["upheld_while_absent"]


async def test_another_decision_of_a_revision_is_a_contradiction(
    consume: Pool, serve: Pool, tenant: str
) -> None:
    """It comes from a recognition that was restored to an hour before the first; a person looks at both."""
    before = await outcomes(consume)
    await feed(consume, life(tenant, "l1", P, C, U))
    other = replace(made(tenant, "l1", W, 3), decision_id=str(uuid4()))
    await feed(consume, [other, replace(made(tenant, "l1", C, 2), decision_id=str(uuid4()))])
    after = await outcomes(consume)

    assert [row[1] for row in await stored(serve, tenant)] == [1, 2]
    assert after["dead_lettered"] - before["dead_lettered"] == 1
    assert after["parked"] - before["parked"] == 1


async def test_a_revision_that_came_too_early_waits_for_what_is_missing(
    consume: Pool, serve: Pool, tenant: str
) -> None:
    before = await outcomes(consume)
    one = Feed(consume)
    await one.claim()
    decisions = life(tenant, "l1", P, C, U)
    await one.take([decisions[2], decisions[1]])
    assert (await outcomes(consume))["parked"] == before["parked"] + 2
    await one.take([decisions[0]])

    assert await Replays(consume, one.work).next()
    after = await outcomes(consume)
    assert (after["parked"], after["applied"]) == (before["parked"], before["applied"] + 3)
    assert [row[1] for row in await stored(serve, tenant)] == [1, 2]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("order", [(2, 1, 0), (1, 0, 2), (2, 0, 1)])
async def test_what_fills_a_gap_may_come_in_the_same_batch(
    consume: Pool, serve: Pool, tenant: str, order: Sequence[int], *, at_once: bool
) -> None:
    before = await outcomes(consume)
    one = Feed(consume)
    await one.claim()
    decisions = life(tenant, "l1", P, C, U)
    if at_once:
        decisions = [replace(each, as_of=decisions[0].as_of) for each in decisions]
    await one.take([*(decisions[number] for number in order), made(tenant, "l2", C, 1)])

    assert await Replays(consume, one.work).next()
    after = await outcomes(consume)
    assert (after["parked"], after["applied"]) == (before["parked"], before["applied"] + 4)
    assert {row[0] for row in await stored(serve, tenant)} == {"l1", "l2"}


async def test_a_discarded_revision_leaves_no_gap(consume: Pool, serve: Pool, tenant: str) -> None:
    one = Feed(consume)
    await one.claim()
    decisions = life(tenant, "l1", P, C, U)
    await one.take([decisions[1], decisions[2]])
    async with seeing(consume, tenant) as connection:
        learner = decisions[0].tenant, decisions[0].learner
        first = (await heads(connection, "records", [learner]))[learner]
        await ask(connection, Asked(uuid4(), learner, "records", first.place, "op", discard=True))

    assert await Replays(consume, one.work).next()
    assert await stored(serve, tenant) == []
    async with seeing(consume, tenant) as connection:
        (left,) = (await heads(connection, "records", [learner])).values()
    assert left.reason == "under_review_while_absent"


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"decision.made.v1", b"decision.made.v2"),
        (b'"under_review"', b'"of a later version"'),
        (b'"answer":"met"', b'"answer":1'),
    ],
)
async def test_what_cannot_be_read_leaves_no_gap_once_it_is_discarded(
    consume: Pool, serve: Pool, tenant: str, was: bytes, now: bytes
) -> None:
    """The award goes on as it stood in the ledger."""
    one = Feed(consume)
    await one.claim()
    conferred, unreadable, withdrawn = life(tenant, "l1", C, U, W)
    await one.work.run([one.record(conferred), changed(one.record(unreadable), was, now)])
    await one.take([withdrawn])
    async with seeing(consume, tenant) as connection:
        await discard_first(connection, "records", (unreadable.tenant, unreadable.learner))

    assert await Replays(consume, one.work).next()
    assert [row[1] for row in await stored(serve, tenant)] == [1, 2]
    async with seeing(consume, tenant) as connection:
        assert not await heads(connection, "records", [(unreadable.tenant, unreadable.learner)])
        (told,) = await connection.fetch("select outcome, followed, skipped_revision from chassis.replay")
    assert tuple(told) == ("dead_lettered", 1, 2)


async def test_an_old_revision_under_a_new_id_is_ignored(consume: Pool, serve: Pool, tenant: str) -> None:
    await feed(consume, life(tenant, "l1", C, U))
    before = await outcomes(consume)
    await feed(consume, [made(tenant, "l1", H, 1)])

    assert (await outcomes(consume))["ignored"] == before["ignored"] + 1
    assert len(await stored(serve, tenant)) == 2
