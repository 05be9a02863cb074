# SPDX-License-Identifier: Apache-2.0
"""Published partners in PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any

from cairn.ids import TenantId
from chassis.database import Connection
from services.records.app.partner_documents import PartnerVersion, read_canonical
from services.records.app.partners import Partners
from services.records.app.publish_partners import Published

_LOCK = "select pg_advisory_xact_lock(hashtextextended('records.partner/' || $1, 0))"
_FIND = """
select document, hash, published_at from records.partner_version
where tenant = $1 and partner = $2 and version = $3
"""
_PAGE = """
select distinct on (partner) document, hash, published_at from records.partner_version
where tenant = $1 and partner > $2
order by partner, version desc
limit $3
"""
_ADD = """
insert into records.partner_version (tenant, partner, version, hash, document)
values ($1, $2, $3, $4, $5)
returning document, hash, published_at
"""
_STATE = "select count(*), max(published_at) from records.partner_version"
_EVERYWHERE = """
select distinct on (tenant, partner) tenant, document from records.partner_version
order by tenant, partner, version desc
"""


class PostgresPartners:
    """Keeps published partners; a version is only ever added."""

    async def lock(self, connection: Connection, tenant: TenantId) -> None:
        """Keep whoever else publishes partners of a tenant waiting until the transaction ends."""
        await connection.execute(_LOCK, tenant)

    async def newest(self, connection: Connection, tenant: TenantId) -> Mapping[str, Published]:
        """Return the newest version of each partner of a tenant."""
        found = await self.page(connection, tenant, "", None)
        return {each.version.partner.partner: each for each in found}

    async def find(
        self, connection: Connection, tenant: TenantId, partner: str, version: int
    ) -> Published | None:
        """Return a published version."""
        row = await connection.fetchrow(_FIND, tenant, partner, version)
        return None if row is None else _published(row)

    async def page(
        self, connection: Connection, tenant: TenantId, after: str, size: int | None
    ) -> Sequence[Published]:
        """Return the newest version of each partner by id, beginning after one; no size is all of them."""
        return [_published(row) for row in await connection.fetch(_PAGE, tenant, after, size)]

    async def add(self, connection: Connection, tenant: TenantId, version: PartnerVersion) -> Published:
        """Add a version."""
        partner = version.partner
        row = await connection.fetchrow(
            _ADD, tenant, partner.partner, partner.version, version.hash, version.canonical
        )
        return _published(row)

    async def state(self, connection: Connection) -> object:
        """Return how many versions are published, and when the last was: what changes with each."""
        return await connection.fetchrow(_STATE)

    async def everywhere(self, connection: Connection) -> Partners:
        """Return the partners of every institution."""
        rows = await connection.fetch(_EVERYWHERE)
        return Partners((TenantId(tenant), read_canonical(document)) for tenant, document in rows)


def _published(row: Any) -> Published:
    document, digest, published_at = row
    return Published(PartnerVersion(read_canonical(document), document, digest), published_at)
