# SPDX-License-Identifier: Apache-2.0
"""Scans as operators see them: those that are not finished, how far they are, and whether one is paused."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from cairn.ids import TenantId
from chassis.database import Connection

_UNFINISHED = """
select epoch, paused, looked_at, told, as_of, advanced_at from chassis.scan
where tenant = $1 and epoch > 0 and finished_at is null
order by epoch
"""
_PAUSE = """
update chassis.scan set paused = $3
where tenant = $1 and epoch = $2 and finished_at is null and paused <> $3
returning true
"""


class Scan(NamedTuple):
    """A scan for the learners whom the publication that raised the epoch can affect."""

    epoch: int
    paused: bool
    looked_at: int
    told: int
    as_of: datetime
    advanced_at: datetime


async def unfinished(connection: Connection, tenant: TenantId) -> Sequence[Scan]:
    """Return the scans that are not finished, the oldest first."""
    return [Scan(*row) for row in await connection.fetch(_UNFINISHED, tenant)]


async def pause(connection: Connection, tenant: TenantId, epoch: int, *, paused: bool) -> bool:
    """Pause an unfinished scan or let it go on; tell whether that changed anything."""
    return await connection.fetchval(_PAUSE, tenant, epoch, paused) is not None
