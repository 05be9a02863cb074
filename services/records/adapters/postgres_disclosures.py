# SPDX-License-Identifier: Apache-2.0
"""The disclosure log in PostgreSQL: rows that can be added and never touched again."""

import json
from collections.abc import Sequence
from uuid import UUID

from chassis.database import Pool
from services.records.app.disclosure import Detail, Disclosure

_KEEP = """
select records.disclose(
    $1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]
)
"""


class PostgresDisclosures:
    """Commits a group of disclosures in one transaction."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep(self, disclosures: Sequence[tuple[UUID, Disclosure]]) -> None:
        """Commit the disclosures, all or none."""
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
            )
            for disclosure_id, each in disclosures
        ]
        await self._pool.execute(_KEEP, *[list(column) for column in zip(*rows, strict=True)])


def _text(detail: Detail) -> str:
    return json.dumps({name: value for name, value in detail.items() if value is not None}, sort_keys=True)
