# SPDX-License-Identifier: Apache-2.0
"""Sharing bases in PostgreSQL: rows that can be added and never touched again."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from cairn.ids import LearnerId, TenantId
from chassis.database import Connection, Pool
from chassis.errors import Reject
from chassis.rpc.seldom import Seldom
from services.records.adapters.postgres_partners import PostgresPartners
from services.records.app.bases import BasisInForce
from services.records.app.grant_sharing import Granted, Revocation
from services.records.app.sharing_documents import WrittenBasis, read_canonical
from services.records.domain.legal_basis import CLAUSES
from services.records.domain.partner import Partner
from services.records.domain.sharing_basis import View

_LOCK = "select records.lock_who_may_ask($1)"
_LOCK_GRANTS = "select pg_advisory_xact_lock(hashtextextended('records.sharing_basis/' || $1, 0))"
_IN_FORCE = "select document, notice, of_all from records.bases_in_force($1, $2, $3, $4, $5)"
_FIND = """
select * from records.sharing_basis where tenant = $1 and basis = any ($2::text[]) order by tenant, basis
"""
_PAGE = """
select * from records.sharing_basis where tenant = $1 and basis > $2 order by tenant, basis limit $3
"""
_PAGE_OF_LEARNER = """
select * from (
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
order by basis
limit $3
"""
_ENDED = """
select * from records.sharing_revocation where tenant = $1 and basis = any ($2::text[])
order by tenant, basis
"""
_ADD = """
insert into records.sharing_basis (
    tenant, basis, partner, purpose, learner, views, starts_at, ends_at, clause, notice, hash, document,
    granted_by
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""
_END = """
insert into records.sharing_revocation (tenant, basis, reason, revoked_by) values ($1, $2, $3, $4)
"""

log = structlog.get_logger()


class PostgresSharing:
    """Keeps sharing bases, and finds the one that is in force for a call."""

    def __init__(self, pool: Pool, partners: PostgresPartners) -> None:
        self._pool = pool
        self._partners = partners
        self._seldom = Seldom()

    async def in_force(
        self, tenant: TenantId, partner: str, purpose: str, view: View, learner: LearnerId | None
    ) -> BasisInForce | None:
        """Return the basis under which a call may be answered, by the database's clock; one statement.

        One whose document only a newer process can read is left out, which the log says; where none that
        names the learner can be read, one for all does not stand in for it.
        """
        rows = await self._pool.fetch(_IN_FORCE, tenant, partner, purpose, view, learner)
        named = any(not of_all for _, _, of_all in rows)
        for document, notice, of_all in rows:
            if of_all and named:
                break
            try:
                return BasisInForce(read_canonical(document), notice)
            except Reject as error:
                self._tell(tenant, partner, error)
        return None

    def _tell(self, tenant: TenantId, partner: str, error: Reject) -> None:
        if self._seldom.now(datetime.now(UTC)):
            log.warning("basis not taken", tenant=tenant, partner=partner, reason=error.reason)

    async def lock_grants(self, connection: Connection, tenant: TenantId) -> None:
        """Keep whoever else grants waiting until the transaction ends."""
        await connection.execute(_LOCK_GRANTS, tenant)

    async def lock(self, connection: Connection, tenant: TenantId) -> None:
        """Wait for those who are just being told, and let nobody be told more until the transaction ends."""
        await connection.execute(_LOCK, tenant)

    async def partners(self, connection: Connection, tenant: TenantId) -> Mapping[str, Partner]:
        """Return the newest version of each partner that this process can read."""
        newest = await self._partners.newest(connection, tenant)
        return {name: each.version.partner for name, each in newest.items()}

    async def find(
        self, connection: Connection, tenant: TenantId, bases: Sequence[str]
    ) -> Mapping[str, Granted]:
        """Return those of some bases that there are."""
        rows = await connection.fetch(_FIND, tenant, bases)
        return {each.basis: each for each in await _granted(connection, tenant, rows)}

    async def page(
        self, connection: Connection, tenant: TenantId, learner: LearnerId | None, after: str, size: int
    ) -> Sequence[Granted]:
        """Return bases by id, beginning after one: all, or those that say something of a learner."""
        if learner is None:
            rows = await connection.fetch(_PAGE, tenant, after, size)
        else:
            rows = await connection.fetch(_PAGE_OF_LEARNER, tenant, after, size, learner)
        return await _granted(connection, tenant, rows)

    async def add(
        self, connection: Connection, tenant: TenantId, bases: Sequence[WrittenBasis], operator: str
    ) -> None:
        """Add bases."""
        await connection.executemany(_ADD, [_row(tenant, each, operator) for each in bases])

    async def end(
        self, connection: Connection, tenant: TenantId, basis: str, reason: str, operator: str
    ) -> None:
        """Revoke a basis that is not revoked."""
        await connection.execute(_END, tenant, basis, reason, operator)


def _row(tenant: TenantId, written: WrittenBasis, operator: str) -> tuple[object, ...]:
    basis = written.basis
    clause = CLAUSES[basis.legal_basis.kind]
    asked = (tenant, basis.basis, basis.partner, basis.purpose, basis.learner, list(basis.views))
    times = (basis.starts_at, basis.ends_at)
    return (*asked, *times, clause.source, clause.notice, written.hash, written.canonical, operator)


async def _granted(connection: Connection, tenant: TenantId, rows: Sequence[Any]) -> list[Granted]:
    ended = {
        row["basis"]: Revocation(row["revoked_at"], row["revoked_by"], row["reason"])
        for row in await connection.fetch(_ENDED, tenant, [row["basis"] for row in rows])
    }
    return [
        Granted(
            basis=row["basis"],
            partner=row["partner"],
            purpose=row["purpose"],
            learner=row["learner"],
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            clause=row["clause"],
            hash=row["hash"],
            document=row["document"],
            by=row["granted_by"],
            at=row["granted_at"],
            revocation=ended.get(row["basis"]),
        )
        for row in rows
    ]
