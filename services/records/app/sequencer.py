# SPDX-License-Identifier: Apache-2.0
"""The sequencer: one process at a time gives entries their gapless positions, every 100 ms.

A holder that slept past its lease finds its term gone inside the transaction and changes nothing.
"""

import asyncio
from contextlib import suppress
from typing import Protocol

import structlog

from chassis.errors import Conflict
from chassis.health import Health
from chassis.outage import outage
from chassis.relay.lease import Lease
from chassis.sqlstate import OUTSIDE, REDO
from chassis.waiting import within

INTERVAL_SECONDS = 0.1
MOST_ENTRIES = 1000
LEASE_SECONDS = 10.0

log = structlog.get_logger()


class Positions(Protocol):
    """Where entries wait for positions and get them."""

    async def take(self) -> Lease | None:
        """Become or stay the sequencer; None while another process is."""
        ...

    async def give_back(self, lease: Lease) -> None:
        """Let another process go on at once."""
        ...

    async def sequence(self, lease: Lease, most: int) -> int:
        """Give the next entries their positions, in the lease's term or not at all; return how many."""
        ...


class Sequencer:
    """Runs until asked to stop; stands by while another process holds the lease."""

    def __init__(self, positions: Positions, health: Health) -> None:
        self._positions = positions
        self._health = health
        self._lease: Lease | None = None
        self._renew_at = 0.0
        health.expect("sequencer")

    async def run(self, stop: asyncio.Event) -> None:
        """Sequence what waits, then wait for more."""
        while not stop.is_set():
            more = await self._turn()
            if not more:
                await within(INTERVAL_SECONDS, stop)
        if self._lease is not None:
            with suppress(*OUTSIDE):
                await self._positions.give_back(self._lease)

    async def _turn(self) -> bool:
        try:
            lease = await self._hold()
            self._health.met("sequencer")
            return lease is not None and await self._positions.sequence(lease, MOST_ENTRIES) == MOST_ENTRIES
        except Conflict:
            log.warning("sequencer lease lost")
            self._lease = None
        except REDO:
            return True
        except OUTSIDE as error:
            self._lease = None
            self._health.unmet("sequencer", outage(error))
        return False

    async def _hold(self) -> Lease | None:
        now = asyncio.get_running_loop().time()
        if self._lease is None or now >= self._renew_at:
            self._lease = await self._positions.take()
            self._renew_at = now + LEASE_SECONDS / 3
        return self._lease
