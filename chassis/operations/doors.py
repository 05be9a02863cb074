# SPDX-License-Identifier: Apache-2.0
"""How what came through a service's HTTP door ended, for operators; a service has one or none."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple, Protocol

from cairn.ids import TenantId
from chassis.database import Connection


class DoorCount(NamedTuple):
    """What one source brought on one day; ``refusals`` counts the refused by their reason."""

    source: str
    day: date
    stored: int
    duplicate: int
    conflict: int
    refused: int
    refusals: Mapping[str, int]


class DoorCounts(Protocol):
    """Where a door keeps its counts."""

    async def since(self, connection: Connection, tenant: TenantId, day: date, /) -> Sequence[DoorCount]:
        """Return the tenant's counts from a day on, by source and day."""


class NoDoor:
    """A service without one."""

    async def since(self, _connection: Connection, _tenant: TenantId, _day: date, /) -> Sequence[DoorCount]:
        """Return nothing."""
        return ()
