# SPDX-License-Identifier: Apache-2.0
"""What one record costs to read does not grow with the records of others, whenever the plan was made."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from cairn.events.decision import DecisionKind
from cairn.ids import LearnerId, TenantId
from chassis.database import Pool, open_pool
from deploy.local.provision import Provisioned
from services.records.adapters.postgres_record import PostgresRecords
from tests.integration.services.records.feeding import feed, life

OTHERS = 300
READS = 20
_READ = """
select sum(idx_tup_read)::int from pg_stat_user_indexes
where schemaname = 'records' and relname in ('entry', 'position')
"""


@pytest.fixture
async def early(records: Provisioned) -> AsyncIterator[Pool]:
    """Return one session that has read while there was nothing yet, and keeps the plan of then."""
    pool = await open_pool(records.dsns["serve"], 1)
    assert await PostgresRecords(pool).of_learner(TenantId("nobody"), LearnerId("l0")) == []
    yield pool
    await pool.close()


async def test_a_record_is_read_by_its_key(
    early: Pool, consume: Pool, records: Provisioned, postgres: str, tenant: str
) -> None:
    lives = [life(tenant, f"l{number}", DecisionKind.CONFERRED) for number in range(OTHERS)]
    await feed(consume, [decision for each in lives for decision in each])
    connection = await asyncpg.connect(urlunsplit(urlsplit(postgres)._replace(path=f"/{records.database}")))
    try:
        before = await connection.fetchval(_READ)
        for number in range(READS):
            found = await PostgresRecords(early).of_learner(TenantId(tenant), LearnerId(f"l{number}"))
            assert len(found) == 1
        # Statistics are told now and then, unless asked for.
        await early.execute("select pg_stat_force_next_flush()")
        await early.execute("select 1")
        read = await connection.fetchval(_READ) - before
    finally:
        await connection.close()
    assert READS <= read <= 3 * READS
