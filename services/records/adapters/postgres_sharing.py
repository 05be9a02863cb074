# SPDX-License-Identifier: Apache-2.0
"""Sharing bases in PostgreSQL: rows that can be added and never touched again."""

from collections.abc import Mapping, Sequence
from typing import Any

from cairn.ids import LearnerId, TenantId
from chassis.database import Connection, Pool
from services.records.adapters.postgres_partners import PostgresPartners
from services.records.app.grant_sharing import Granted
from services.records.app.sharing_documents import WrittenBasis, read_canonical
from services.records.domain.partner import Partner
from services.records.domain.sharing_basis import SharingBasis, View

_LOCK = "select records.lock_who_may_ask($1)"
_IN_FORCE = "select records.basis_in_force($1, $2, $3, $4, $5)"
_FIND = """
select known.document, known.hash, known.granted_at, ended.revoked_at, coalesce(ended.reason, '')
from records.sharing_basis as known
left join lateral (
    select stored.revoked_at, stored.reason from records.sharing_revocation as stored
    where stored.tenant = $1 and stored.basis = known.basis
    order by stored.tenant, stored.basis
    limit 1
) as ended on true
where known.tenant = $1 and known.basis = $2
"""
_PAGE = """
select known.document, known.hash, known.granted_at, ended.revoked_at, coalesce(ended.reason, '')
from records.sharing_basis as known
left join lateral (
    select stored.revoked_at, stored.reason from records.sharing_revocation as stored
    where stored.tenant = $1 and stored.basis = known.basis
    order by stored.tenant, stored.basis
    limit 1
) as ended on true
where known.tenant = $1 and known.basis > $2
order by known.tenant, known.basis
limit $3
"""
_PAGE_OF_LEARNER = """
select known.document, known.hash, known.granted_at, ended.revoked_at, coalesce(ended.reason, '')
from (
    (
        select * from records.sharing_basis
        where tenant = $1 and learner = $4 and basis > $2
        order by tenant, learner, basis
        limit $3
    )
    union all
    (
        select * from records.sharing_basis
        where tenant = $1 and learner is null and basis > $2
        order by tenant, learner, basis
        limit $3
    )
) as known
left join lateral (
    select stored.revoked_at, stored.reason from records.sharing_revocation as stored
    where stored.tenant = $1 and stored.basis = known.basis
    order by stored.tenant, stored.basis
    limit 1
) as ended on true
order by known.basis
limit $3
"""
_ADD = """
insert into records.sharing_basis
    (tenant, basis, partner, purpose, learner, views, starts_at, ends_at, hash, document)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
returning granted_at
"""
_END = "insert into records.sharing_revocation (tenant, basis, reason) values ($1, $2, $3)"


class PostgresSharing:
    """Keeps sharing bases, and finds the one that is in force for a call."""

    def __init__(self, pool: Pool, partners: PostgresPartners) -> None:
        self._pool = pool
        self._partners = partners

    async def in_force(
        self, tenant: TenantId, partner: str, purpose: str, view: View, learner: LearnerId | None
    ) -> SharingBasis | None:
        """Return the basis under which a call may be answered, by the database's clock; one statement."""
        document = await self._pool.fetchval(_IN_FORCE, tenant, partner, purpose, view.value, learner)
        return None if document is None else read_canonical(document)

    async def lock(self, connection: Connection, tenant: TenantId) -> None:
        """Keep whoever else changes who may ask, or is just being told, waiting for the transaction's end."""
        await connection.execute(_LOCK, tenant)

    async def partners(self, connection: Connection, tenant: TenantId) -> Mapping[str, Partner]:
        """Return the newest version of each partner."""
        newest = await self._partners.newest(connection, tenant)
        return {name: each.version.partner for name, each in newest.items()}

    async def find(self, connection: Connection, tenant: TenantId, basis: str) -> Granted | None:
        """Return a basis."""
        row = await connection.fetchrow(_FIND, tenant, basis)
        return None if row is None else _granted(row)

    async def page(
        self, connection: Connection, tenant: TenantId, learner: LearnerId | None, after: str, size: int
    ) -> Sequence[Granted]:
        """Return bases by id, beginning after one: all, or those that say something of a learner."""
        if learner is None:
            rows = await connection.fetch(_PAGE, tenant, after, size)
        else:
            rows = await connection.fetch(_PAGE_OF_LEARNER, tenant, after, size, learner)
        return [_granted(row) for row in rows]

    async def add(self, connection: Connection, tenant: TenantId, basis: WrittenBasis) -> Granted:
        """Add a basis."""
        said = basis.basis
        times = (said.starts_at, said.ends_at)
        asked = (said.basis, said.partner, said.purpose, said.learner, [view.value for view in said.views])
        granted_at = await connection.fetchval(_ADD, tenant, *asked, *times, basis.hash, basis.canonical)
        return Granted(basis, granted_at)

    async def end(self, connection: Connection, tenant: TenantId, basis: str, reason: str) -> None:
        """Revoke a basis that is not revoked."""
        await connection.execute(_END, tenant, basis, reason)


def _granted(row: Any) -> Granted:
    document, digest, granted_at, revoked_at, reason = row
    written = WrittenBasis(read_canonical(document), document, digest)
    return Granted(written, granted_at, revoked_at, reason)
