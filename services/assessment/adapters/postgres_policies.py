# SPDX-License-Identifier: Apache-2.0
"""Published policies in PostgreSQL."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from cairn.ids import TenantId
from chassis.database import Connection
from services.assessment.app.policies_in_force import PoliciesInForce, policies_in_force
from services.assessment.app.policy_documents import PolicyVersion, read_canonical
from services.assessment.app.publish_policies import Published

_ALL = "select document, version, hash, epoch, published_at from assessment.policy where tenant = $1"
_FIND = _ALL + " and policy = $2 and version = $3"
_NEWEST = _ALL + " and policy = $2 order by version desc limit 1"
_PAGE = _ALL + " and (policy, version) > ($2, $3) order by policy, version limit $4"
_POLICY_OF = "select policy from assessment.competency where tenant = $1 and competency = $2"
_ACTIVITIES = """
select listed.activity
from unnest($2::text[]) as wanted (competency)
cross join lateral (
    select unnest(activities) as activity from assessment.competency
    where competency.tenant = $1 and competency.competency = wanted.competency
    offset 0
) as listed
"""
_ADD = """
insert into assessment.policy (tenant, policy, version, competency, hash, document, epoch)
values ($1, $2, $3, $4, $5, $6, $7)
returning document, version, hash, epoch, published_at
"""
_ADD_ACTIVITIES = """
insert into assessment.competency as known (tenant, competency, policy, activities) values ($1, $2, $3, $4)
on conflict (tenant, competency) do update set activities = (
    select array_agg(distinct activity order by activity)
    from unnest(known.activities || excluded.activities) as activity
)
"""
_ENTER_REQUEST = """
insert into assessment.request (tenant, request_id, digest) values ($1, $2, $3)
on conflict do nothing returning digest
"""
_REQUEST = "select digest from assessment.request where tenant = $1 and request_id = $2"


class PostgresPolicies:
    """Keeps published policies; a version is only ever added."""

    async def load(self, connection: Connection, tenant: TenantId, zone: tzinfo) -> PoliciesInForce:
        """Load all versions of a tenant's policies."""
        found = [_published(row) for row in await connection.fetch(_ALL, tenant)]
        return policies_in_force(
            [(each.version.policy, each.version.reference, each.epoch) for each in found], zone
        )

    async def find(
        self, connection: Connection, tenant: TenantId, policy: str, version: int | None
    ) -> Published | None:
        """Return a published version, or the newest one."""
        if version is None:
            row = await connection.fetchrow(_NEWEST, tenant, policy)
        else:
            row = await connection.fetchrow(_FIND, tenant, policy, version)
        return None if row is None else _published(row)

    async def page(
        self, connection: Connection, tenant: TenantId, after: tuple[str, int], size: int
    ) -> Sequence[Published]:
        """Return versions by policy and version, beginning after one."""
        return [_published(row) for row in await connection.fetch(_PAGE, tenant, *after, size)]

    async def policy_of(self, connection: Connection, tenant: TenantId, competency: str) -> str | None:
        """Return the policy of a competency."""
        found: str | None = await connection.fetchval(_POLICY_OF, tenant, competency)
        return found

    async def add(
        self, connection: Connection, tenant: TenantId, version: PolicyVersion, epoch: int
    ) -> Published:
        """Add a version, and its activities to those of its competency."""
        policy = version.policy
        key = tenant, policy.policy, policy.version, policy.competency
        row = await connection.fetchrow(_ADD, *key, version.hash, version.canonical, epoch)
        activities = sorted(counted.activity for counted in policy.activities)
        await connection.execute(_ADD_ACTIVITIES, tenant, policy.competency, policy.policy, activities)
        return _published(row)

    async def activities(
        self, connection: Connection, tenant: TenantId, competencies: Sequence[str]
    ) -> Sequence[str]:
        """Return the activities that any version of the competencies' policies lists."""
        return [row[0] for row in await connection.fetch(_ACTIVITIES, tenant, competencies)]

    async def enter_request(
        self, connection: Connection, tenant: TenantId, request_id: str, digest: bytes
    ) -> bytes | None:
        """Note a request; return the digest of the one that used its id before."""
        if await connection.fetchval(_ENTER_REQUEST, tenant, request_id, digest) is not None:
            return None
        before: bytes = await connection.fetchval(_REQUEST, tenant, request_id)
        return before


def _published(row: Any) -> Published:
    document, _, hashed, epoch, published_at = row
    return Published(PolicyVersion(read_canonical(document), document, hashed), epoch, published_at)
