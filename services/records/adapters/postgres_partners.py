# SPDX-License-Identifier: Apache-2.0
"""Published partners in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

from cairn.ids import TenantId
from chassis.database import Connection
from chassis.errors import Reject
from chassis.rpc.authorities import Authorities
from services.records.app.partner_documents import PartnerVersion, read_canonical
from services.records.app.partners import Partners
from services.records.app.publish_partners import Published
from services.records.domain.partner import Partner

_LOCK = "select pg_advisory_xact_lock(hashtextextended('records.partner_version', 0))"
_LOCK_TOLD = "select records.lock_who_may_ask($1)"
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
select tenant, partner, document from (
    select distinct on (tenant, partner) * from records.partner_version
    order by tenant, partner, version desc
) as newest
order by published_at, tenant, partner
"""


log = structlog.get_logger()


class PostgresPartners:
    """Keeps published partners; a version is only ever added."""

    async def lock(self, connection: Connection) -> None:
        """Keep whoever else publishes partners waiting until the transaction ends."""
        await connection.execute(_LOCK)

    async def lock_told(self, connection: Connection, tenant: TenantId) -> None:
        """Wait for those who are just being told, and let nobody be told more until the transaction ends."""
        await connection.execute(_LOCK_TOLD, tenant)

    async def newest(self, connection: Connection, tenant: TenantId) -> Mapping[str, Published]:
        """Return the newest version of each partner of a tenant, where this process can read it."""
        found: dict[str, Published] = {}
        for row in await connection.fetch(_PAGE, tenant, "", None):
            with suppress(Reject):
                published = _published(row)
                found[published.version.partner.partner] = published
        return found

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
        return Partners(await _everywhere(connection))

    async def believed(
        self, connection: Connection, tenant: TenantId, but: Collection[str]
    ) -> Sequence[Authorities]:
        """Return the authorities of all partners of every institution, but for some of this one."""
        found = await _everywhere(connection)
        return Partners((of, each) for of, each in found if of != tenant or each.partner not in but).bundles


async def _everywhere(connection: Connection) -> list[tuple[TenantId, Partner]]:
    """Return the newest version of each partner, by time; one that cannot be read is left out."""
    found = []
    for tenant, partner, document in await connection.fetch(_EVERYWHERE):
        try:
            found.append((TenantId(tenant), read_canonical(document)))
        except Reject as error:
            log.warning("partner not taken", tenant=tenant, partner=partner, reason=error.reason)
    return found


def _published(row: Any) -> Published:
    document, digest, published_at = row
    return Published(PartnerVersion(read_canonical(document), document, digest), published_at)
