# SPDX-License-Identifier: Apache-2.0
"""The disclosure log in PostgreSQL: rows that can be added and never touched again."""

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import astuple
from typing import Any
from uuid import UUID

from cairn.ids import LearnerId, TenantId
from chassis.database import Pool, transaction
from services.records.app.authority import PartnerReference
from services.records.app.disclosure import Detail, Disclosure
from services.records.app.disclosures_told import Logged, Place
from services.records.app.reading import LARGEST_PAGE

_KEEP = """
select records.disclose_under(
    $1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::int[], $10::int[], $11::text[], $12::int[], $13::text[], $14::text[]
)
"""
# What the bounds are made of is computed first: row-level security lets an index be used with values only.
_OF_LEARNER = """
with placed as materialized (
    select position, position - $6::bigint as earliest from records.position
    where tenant = $1 and learner = $2
    -- The orders decide between two indexes that begin with the tenant (chassis/database.py).
    order by tenant, learner, sequence
), found as (
    (
        select * from records.disclosure
        where tenant = $1 and learner = $2 and (disclosed_at, disclosure_id) < ($3, $4)
        order by tenant desc, learner desc, disclosed_at desc, disclosure_id desc
        limit $5
    )
    union all
    (
        select logged.* from placed cross join lateral (
            select * from records.disclosure
            where tenant = $1 and learner is null
                and first_position between placed.earliest and placed.position
                and last_position >= placed.position
                and (disclosed_at, disclosure_id) < ($3, $4)
            order by tenant, first_position
        ) as logged
    )
)
select distinct disclosed_at, disclosure_id, recipient, partner, partner_version, legal_basis, purpose,
    sharing_basis, method, learner is not null, asked, told
from found
order by disclosed_at desc, disclosure_id desc
limit $5
"""
# An answer about the whole institution that holds a position begins at most so far before it.
_BEHIND_FIRST = LARGEST_PAGE - 1
_ANYWHERE = (None, None)
_NO_PARTNER = (None, None)
_encode = json.JSONEncoder(sort_keys=True).encode


class PostgresDisclosures:
    """Commits a group of disclosures in one transaction."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep(self, disclosures: Sequence[tuple[UUID, Disclosure]]) -> AbstractSet[UUID]:
        """Commit the disclosures; return the ids of those that stand.

        One whose record has moved on does not, nor one to a partner of whom there is a newer version or
        under a basis that is not in force.
        """
        rows = [
            (
                each.tenant,
                disclosure_id,
                each.permission.recipient,
                each.permission.legal_basis,
                each.permission.method,
                each.learner,
                _text(each.asked),
                _text(each.told),
                *(each.reach or _ANYWHERE),
                *(astuple(each.permission.partner) if each.permission.partner else _NO_PARTNER),
                each.permission.purpose or None,
                each.permission.sharing_basis,
            )
            for disclosure_id, each in disclosures
        ]
        kept = await self._pool.fetchval(_KEEP, *[list(column) for column in zip(*rows, strict=True)])
        return frozenset(kept)

    async def of_learner(
        self, tenant: TenantId, learner: LearnerId, before: Place, most: int
    ) -> Sequence[Logged]:
        """Return what was told of a learner before a place, the latest first."""
        async with transaction(self._pool, [tenant]) as connection:
            rows = await connection.fetch(_OF_LEARNER, tenant, learner, *before, most, _BEHIND_FIRST)
        return [_logged(row) for row in rows]


def _logged(row: Any) -> Logged:
    at, disclosure_id, recipient, partner, version, legal_basis, purpose, basis, method, alone = row[:10]
    asked, told = row[10:]
    return Logged(
        place=Place(at, disclosure_id),
        recipient=recipient,
        partner=None if partner is None else PartnerReference(partner, version),
        legal_basis=legal_basis,
        purpose=purpose or "",
        sharing_basis=basis,
        method=method,
        of_learner_alone=alone,
        asked=_read(asked),
        told=_read(told),
    )


def _read(text: str) -> Mapping[str, str]:
    return {name: str(value) for name, value in json.loads(text).items()}


def _text(detail: Detail) -> str:
    return _encode({name: value for name, value in detail.items() if value is not None})
