# SPDX-License-Identifier: Apache-2.0
"""The partners as the database has them now: read again when one is published, without ending a call."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from chassis.database import Pool
from chassis.health import Health
from chassis.outage import outage
from chassis.sqlstate import OUTSIDE
from chassis.waiting import within
from services.records.adapters.postgres_partners import PostgresPartners
from services.records.app.partners import NOBODY, Partners

_LOOK_SECONDS = 1.0

log = structlog.get_logger()


class FollowedPartners:
    """Knows nobody until it has read who there is; then ``believe`` is told their authorities."""

    def __init__(
        self, pool: Pool, store: PostgresPartners, believe: Callable[[Sequence[bytes]], None], health: Health
    ) -> None:
        """Begin; readiness waits for the first reading, and for no later one."""
        self._pool = pool
        self._store = store
        self._believe = believe
        self._health = health
        self._read: tuple[int, datetime | None] | None = None
        self.held = NOBODY
        health.expect("partners")

    async def run(self, stop: asyncio.Event) -> None:
        """Look until asked to stop; while the database is away, whoever was known stays known.

        What is told meanwhile is told under the newest version only, which the database itself decides.
        """
        while not stop.is_set():
            try:
                await self.look()
            except OUTSIDE as error:
                if self._read is None:
                    self._health.unmet("partners", outage(error))
            await within(_LOOK_SECONDS, stop)

    async def look(self) -> None:
        """Read who there is, if anything was published since."""
        async with self._pool.acquire() as connection:
            state = await self._store.state(connection)
            if state == self._read:
                return
            # After the state: what is published in between is read again at the next look.
            self.held = Partners(await self._store.everywhere(connection))
        self._believe(self.held.bundles)
        self._read = state
        self._health.met("partners")
        log.info("partners read", versions=state[0])
