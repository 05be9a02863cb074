# SPDX-License-Identifier: Apache-2.0
"""The rule epoch of a tenant: raised by every publication, held still by every unit of work.

A unit takes the epoch lock shared, a publication takes it exclusively for the one short
transaction that raises the epoch, so no unit decides under rules that moved beneath it.
"""

from collections.abc import Iterable

from cairn.ids import TenantId
from chassis.database import Connection

_SHARE = """
select pg_advisory_xact_lock_shared(hashtextextended('cairn.epoch/' || tenant, 0))
from (select unnest($1::text[]) as tenant order by 1) as sorted
"""
_READ = "select tenant, epoch from chassis.rule_epoch where tenant = any ($1::text[])"
_EXCLUDE = "select pg_advisory_xact_lock(hashtextextended('cairn.epoch/' || $1, 0))"
_RAISE = """
insert into chassis.rule_epoch (tenant, epoch) values ($1, 1)
on conflict (tenant) do update set epoch = rule_epoch.epoch + 1
returning epoch
"""


async def hold_epochs(connection: Connection, tenants: Iterable[TenantId]) -> dict[TenantId, int]:
    """Hold the tenants' epochs still until the transaction ends; a tenant without rules is at 0."""
    wanted = sorted(set(tenants))
    await connection.execute(_SHARE, wanted)
    found = {TenantId(tenant): int(epoch) for tenant, epoch in await connection.fetch(_READ, wanted)}
    return {tenant: found.get(tenant, 0) for tenant in wanted}


async def lock_epoch(connection: Connection, tenant: TenantId) -> None:
    """Wait for the units in flight to finish and let none begin until the transaction ends."""
    await connection.execute(_EXCLUDE, tenant)


async def raise_epoch(connection: Connection, tenant: TenantId) -> int:
    """Take the epoch lock exclusively, raise the epoch, and return the new one."""
    await lock_epoch(connection, tenant)
    return int(await connection.fetchval(_RAISE, tenant))
