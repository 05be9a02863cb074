# SPDX-License-Identifier: Apache-2.0
"""Published rules in PostgreSQL."""

from collections.abc import Sequence
from typing import Any

from cairn.ids import TenantId
from chassis.database import Connection
from services.recognition.app.publish_rules import Published
from services.recognition.domain.canonical import RuleVersion, stored_version

_ALL = "select document, hash, epoch, published_at from recognition.rule_version where tenant = $1"
_FIND = _ALL + " and rule = $2 and version = $3"
_NEWEST = _ALL + " and rule = $2 order by version desc limit 1"
_PAGE = _ALL + " and (rule, version) > ($2, $3) order by rule, version limit $4"
_ADD = """
insert into recognition.rule_version (tenant, rule, version, credential, hash, document, epoch)
values ($1, $2, $3, $4, $5, $6, $7)
returning document, hash, epoch, published_at
"""
_ENTER_REQUEST = """
insert into recognition.request (tenant, request_id, digest) values ($1, $2, $3)
on conflict do nothing returning digest
"""
_REQUEST = "select digest from recognition.request where tenant = $1 and request_id = $2"


class PostgresRules:
    """Keeps published rules; a version is only ever added."""

    async def all(self, connection: Connection, tenant: TenantId) -> Sequence[Published]:
        """Return every published version of a tenant's rules."""
        return [_published(row) for row in await connection.fetch(_ALL, tenant)]

    async def find(
        self, connection: Connection, tenant: TenantId, rule: str, version: int | None
    ) -> Published | None:
        """Return a published version, or the newest one."""
        if version is None:
            row = await connection.fetchrow(_NEWEST, tenant, rule)
        else:
            row = await connection.fetchrow(_FIND, tenant, rule, version)
        return None if row is None else _published(row)

    async def page(
        self, connection: Connection, tenant: TenantId, after: tuple[str, int], size: int
    ) -> Sequence[Published]:
        """Return versions by rule and version, beginning after one."""
        return [_published(row) for row in await connection.fetch(_PAGE, tenant, *after, size)]

    async def add(
        self, connection: Connection, tenant: TenantId, version: RuleVersion, epoch: int
    ) -> Published:
        """Add a version."""
        rule = version.rule
        key = tenant, rule.rule, rule.version, rule.credential.id
        row = await connection.fetchrow(_ADD, *key, version.reference.hash, version.canonical, epoch)
        return _published(row)

    async def enter_request(
        self, connection: Connection, tenant: TenantId, request_id: str, digest: bytes
    ) -> bytes | None:
        """Note a request; return the digest of the one that used its id before."""
        if await connection.fetchval(_ENTER_REQUEST, tenant, request_id, digest) is not None:
            return None
        before: bytes = await connection.fetchval(_REQUEST, tenant, request_id)
        return before


def _published(row: Any) -> Published:
    document, digest, epoch, published_at = row
    return Published(stored_version(document, digest), epoch, published_at)
