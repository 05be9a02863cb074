# SPDX-License-Identifier: Apache-2.0
"""Listens for the sequencer's notification on a connection of its own, and connects again when it is lost."""

import asyncio
from contextlib import suppress

from chassis.database import connect
from chassis.health import Health
from chassis.outage import outage
from chassis.sqlstate import OUTSIDE
from chassis.waiting import within
from services.records.app.watching import Growth

_AGAIN_SECONDS = 1.0


class PostgresGrowth:
    """Pulses the watches of this process."""

    def __init__(self, url: str, growth: Growth, health: Health) -> None:
        self._url = url
        self._growth = growth
        self._health = health
        health.expect("notifications")

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until asked to stop; without a connection the watches poll."""
        while not stop.is_set():
            try:
                await self._listen(stop)
            except OUTSIDE as error:
                self._health.unmet("notifications", outage(error))
            await within(_AGAIN_SECONDS, stop)

    async def _listen(self, stop: asyncio.Event) -> None:
        connection = await connect(self._url, name="cairn-records-growth")
        ended = asyncio.Event()
        connection.add_termination_listener(lambda *_: ended.set())
        try:
            await connection.add_listener("cairn_positions", lambda *_: self._growth.pulse())
            self._health.met("notifications")
            waits = {asyncio.ensure_future(event.wait()) for event in (stop, ended)}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for each in waits:
                each.cancel()
        finally:
            with suppress(*OUTSIDE):
                await connection.close(timeout=1)
