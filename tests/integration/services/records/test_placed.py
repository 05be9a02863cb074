# SPDX-License-Identifier: Apache-2.0
"""What the proof says of positions: nothing of those that the sequencer gave, and of others what is wrong."""

from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from cairn.events.decision import DecisionKind
from chassis.database import Pool
from deploy.local.provision import Provisioned
from tests.integration.services.records.feeding import feed, life, sequence
from tests.prove.findings import Findings
from tests.prove.presence import check_placed

GONE = "delete from records.position where tenant = $1 and position = 1"
SWAPPED = "update records.position set sequence = case sequence when 1 then 9 else 1 end where tenant = $1"
EARLIER = "update records.position set recorded_at = '2020-01-01' where tenant = $1 and position = 2"
LONGER = "update records.extent set length = length + 1 where tenant = $1"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (GONE, "have no position"),
        (SWAPPED, "out of order"),
        (EARLIER, "out of order"),
        (LONGER, "not as long as they are told"),
    ],
)
async def test_positions_that_are_wrong_are_named(
    consume: Pool,
    schedule: Pool,
    records: Provisioned,
    postgres: str,
    tenant: str,
    change: str,
    says: str,
) -> None:
    await feed(consume, life(tenant, "l1", DecisionKind.CONFERRED, DecisionKind.UNDER_REVIEW))
    await sequence(schedule)
    # Whom the triggers that forbid all this do not stop.
    admin = await asyncpg.connect(urlunsplit(urlsplit(postgres)._replace(path=f"/{records.database}")))
    undone = admin.transaction()
    await undone.start()
    try:
        assert await found(admin) == []
        await admin.execute("set local session_replication_role = replica")
        await admin.execute(change, tenant)
        assert any(says in each for each in await found(admin))
    finally:
        await undone.rollback()
        await admin.close()


async def found(admin: asyncpg.Connection) -> list[str]:
    findings = Findings()
    await check_placed(findings, admin)
    return [*findings.lost, *findings.differing]
