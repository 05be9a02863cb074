# SPDX-License-Identifier: Apache-2.0
"""The disclosure log in PostgreSQL: rows that can be added and never touched again."""

import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import astuple
from uuid import UUID

from chassis.database import Pool
from services.records.app.disclosure import Detail, Disclosure

_KEEP = """
select records.disclose_to(
    $1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::int[], $10::int[], $11::text[], $12::int[]
)
"""
_ANYWHERE = (None, None)
_NO_PARTNER = (None, None)
_encode = json.JSONEncoder(sort_keys=True).encode


class PostgresDisclosures:
    """Commits a group of disclosures in one transaction."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep(self, disclosures: Sequence[tuple[UUID, Disclosure]]) -> AbstractSet[UUID]:
        """Commit the disclosures; return the ids of those that stand.

        One whose record has moved on does not, nor one to a partner of whom there is a newer version.
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
            )
            for disclosure_id, each in disclosures
        ]
        kept = await self._pool.fetchval(_KEEP, *[list(column) for column in zip(*rows, strict=True)])
        return frozenset(kept)


def _text(detail: Detail) -> str:
    return _encode({name: value for name, value in detail.items() if value is not None})
