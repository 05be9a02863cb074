# SPDX-License-Identifier: Apache-2.0
"""A job of which there must be one at a time: a loop under a lease that waits out what lies outside.

Each of its turns is one transaction that checks the term, so a holder that slept past its lease
changes nothing, and two processes that run the job at once do it no harm.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import structlog

from chassis.database import Pool
from chassis.errors import Conflict
from chassis.health import Health
from chassis.outage import outage
from chassis.relay.lease import Lease, give_back, take_lease
from chassis.sqlstate import OUTSIDE, REDO
from chassis.waiting import within

LEASE = timedelta(seconds=10)
_RENEW = LEASE.total_seconds() / 3

Turn = Callable[[Lease], Awaitable[float]]
"""Does a part of the job; returns how many seconds may pass before the next."""

log = structlog.get_logger()


class LeasedJob:
    """Runs until asked to stop; stands by while another process holds the lease."""

    def __init__(self, name: str, pool: Pool, holder: str, health: Health) -> None:
        """Begin without the lease; ``health`` learns whether the database can be reached."""
        self._name = name
        self._pool = pool
        self._holder = holder
        self._health = health
        self._lease: Lease | None = None
        self._renew_at = 0.0
        health.expect(name)

    async def run(self, stop: asyncio.Event, turn: Turn, idle: float) -> None:
        """Take turns; rest for ``idle`` seconds where there is no lease or no database."""
        while not stop.is_set():
            rest = await self._turn(turn)
            await within(idle if rest is None else rest, stop)
        if self._lease is not None:
            with suppress(*OUTSIDE):
                async with self._pool.acquire() as connection:
                    await give_back(connection, self._lease)

    async def _turn(self, turn: Turn) -> float | None:
        try:
            lease = await self._hold()
            rest = None if lease is None else await turn(lease)
        except Conflict:
            log.warning("lease lost", job=self._name)
            self._lease = None
        except REDO:
            return None
        except OUTSIDE as error:
            self._lease = None
            self._health.unmet(self._name, outage(error))
        else:
            self._health.met(self._name)
            return rest
        return None

    async def _hold(self) -> Lease | None:
        now = asyncio.get_running_loop().time()
        if self._lease is None or now >= self._renew_at:
            async with self._pool.acquire() as connection:
                self._lease = await take_lease(connection, self._name, self._holder, LEASE)
            self._renew_at = now + _RENEW
        return self._lease
