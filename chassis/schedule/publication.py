# SPDX-License-Identifier: Apache-2.0
"""What a publication leaves to be done: the scan for the learners that it can affect."""

from collections.abc import Iterable

from cairn.ids import TenantId
from chassis.database import Connection

# As of the instant of the publication, which its command stamps once (I12). Under the exclusive epoch lock no
# unit is in flight: where there is no learner yet, everybody will be concluded under the new epoch anyway.
_BEGIN = """
insert into chassis.scan (tenant, epoch, nodes, as_of)
select $1, $2, $3::text[], now()
where exists (select from chassis.learner where tenant = $1 and id > '')
"""


async def begin_scan(connection: Connection, tenant: TenantId, epoch: int, nodes: Iterable[str]) -> None:
    """Have the tenant's learners scanned, in the transaction that raised the epoch.

    ``nodes`` are what the publication changed and what that reaches, as the service's own scan knows them.
    """
    await connection.execute(_BEGIN, tenant, epoch, sorted(set(nodes)))
