# SPDX-License-Identifier: Apache-2.0
"""What one record costs to read does not grow with the records of others, whenever the plan was made."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from cairn.events.decision import DecisionKind, DecisionMade
from cairn.ids import LearnerId, TenantId
from chassis.database import Pool, open_pool
from deploy.local.provision import Provisioned
from services.records.adapters.postgres_disclosures import PostgresDisclosures
from services.records.adapters.postgres_record import PostgresRecords
from services.records.app.authority import Permission
from services.records.app.disclosure import Detail, Disclosure
from services.records.app.disclosures_told import LATEST
from services.records.domain.record import Reach
from tests.integration.services.records.feeding import feed, life, sequence

OTHERS = 300
READS = 20
_READ = """
select sum(idx_tup_read)::int from pg_stat_user_indexes
where schemaname = 'records' and relname in ('entry', 'position', 'disclosure')
"""


@pytest.fixture
async def early(records: Provisioned) -> AsyncIterator[Pool]:
    """Return one session that has read while there was nothing yet, and keeps the plan of then."""
    pool = await open_pool(records.dsns["serve"], 1)
    assert await PostgresRecords(pool).of_learner(TenantId("nobody"), LearnerId("l0")) == []
    assert await PostgresDisclosures(pool).of_learner(TenantId("nobody"), LearnerId("l0"), LATEST, 1) == []
    assert await PostgresDisclosures(pool).keep([at_its_reach("nobody", "l0")]) == frozenset()
    yield pool
    await pool.close()


@asynccontextmanager
async def counting(early: Pool, records: Provisioned, postgres: str) -> AsyncIterator[list[int]]:
    """Count the index entries that the block reads through the early session, into a list."""
    connection = await asyncpg.connect(urlunsplit(urlsplit(postgres)._replace(path=f"/{records.database}")))
    read: list[int] = []
    try:
        before = await connection.fetchval(_READ)
        yield read
        # Statistics are told now and then, unless asked for.
        await early.execute("select pg_stat_force_next_flush()")
        await early.execute("select 1")
        read.append(await connection.fetchval(_READ) - before)
    finally:
        await connection.close()


async def test_a_record_is_read_by_its_key(
    early: Pool, consume: Pool, records: Provisioned, postgres: str, tenant: str
) -> None:
    await feed(consume, others(tenant))
    async with counting(early, records, postgres) as read:
        for number in range(READS):
            found = await PostgresRecords(early).of_learner(TenantId(tenant), LearnerId(f"l{number}"))
            assert len(found) == 1
    assert READS <= read[0] <= 3 * READS


async def test_what_was_told_of_a_learner_is_read_without_what_was_told_of_others(
    early: Pool, consume: Pool, schedule: Pool, records: Provisioned, postgres: str, tenant: str
) -> None:
    await feed(consume, others(tenant))
    await sequence(schedule)
    log = PostgresDisclosures(early)
    of_others = [told(tenant, f"l{number}", {}) for number in range(OTHERS)]
    before = [told(tenant, None, {"first": number, "last": number}) for number in range(-4000, -1000)]
    behind = [told(tenant, None, {"first": number, "last": number}) for number in range(2000, 5000)]
    await log.keep([*of_others, *before, *behind])
    async with counting(early, records, postgres) as read:
        for number in range(READS):
            assert len(await log.of_learner(TenantId(tenant), LearnerId(f"l{number}"), LATEST, 100)) == 1
    # The position, and what was told.
    assert 2 * READS <= read[0] <= 4 * READS


async def test_the_reach_of_a_record_is_looked_up_by_its_key(
    early: Pool, consume: Pool, schedule: Pool, records: Provisioned, postgres: str, tenant: str
) -> None:
    await feed(consume, others(tenant))
    await sequence(schedule)
    log = PostgresDisclosures(early)
    async with counting(early, records, postgres) as read:
        for number in range(READS):
            assert len(await log.keep([at_its_reach(tenant, f"l{number}")])) == 1
    # The last entry and the last position.
    assert 2 * READS <= read[0] <= 4 * READS


def others(tenant: str) -> list[DecisionMade]:
    lives = [life(tenant, f"l{number}", DecisionKind.CONFERRED) for number in range(OTHERS)]
    return [decision for each in lives for decision in each]


def at_its_reach(tenant: str, learner: str) -> tuple[UUID, Disclosure]:
    permission = Permission("GetLearnerRecord", "operator", "operation")
    whose = TenantId(tenant), LearnerId(learner)
    return uuid4(), Disclosure(
        tenant=whose[0], learner=whose[1], permission=permission, asked={}, told={}, reach=Reach(1, 1)
    )


def told(tenant: str, learner: str | None, detail: Detail) -> tuple[UUID, Disclosure]:
    """Return an answer of which a detail was told."""
    whose, permission = None if learner is None else LearnerId(learner), Permission("ListEntries", "x", "y")
    return uuid4(), Disclosure(
        tenant=TenantId(tenant), permission=permission, learner=whose, asked={}, told=detail
    )
