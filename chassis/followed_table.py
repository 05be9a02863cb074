# SPDX-License-Identifier: Apache-2.0
"""What a small table of the database holds, read again whenever it has changed, in every process."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

from chassis.database import Connection, Pool
from chassis.health import Health
from chassis.outage import outage
from chassis.sqlstate import OUTSIDE, REDO
from chassis.waiting import within

T = TypeVar("T")
_LOOK_SECONDS = 1.0
_PATIENCE_SECONDS = 10.0

log = structlog.get_logger()


class FollowedTable(Generic[T]):
    """Looks each second; until it has read once, nothing is ``held``."""

    def __init__(  # noqa: PLR0913 - what is followed, how, and who is told
        self,
        name: str,
        pool: Pool,
        *,
        state: Callable[[Connection], Awaitable[object]],
        read: Callable[[Connection], Awaitable[T]],
        health: Health,
        tell: Callable[[T], None] | None = None,
    ) -> None:
        """Begin; readiness waits for the first reading, under ``name``, and for no later one.

        ``state`` is what changes whenever that which is ``read`` does, of which ``tell`` is then told.
        """
        self._name = name
        self._pool = pool
        self._state = state
        self._read = read
        self._health = health
        self._tell = tell
        self._seen: object = None
        self.held: T | None = None
        health.expect(name)

    async def run(self, stop: asyncio.Event) -> None:
        """Look until asked to stop; while the database is away, what is held is held on to."""
        failing = False
        while not stop.is_set():
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self.look()
                failing = False
            except (*OUTSIDE, *REDO) as error:
                if self._seen is None:
                    self._health.unmet(self._name, outage(error))
                elif not failing:
                    log.warning("table not read", name=self._name, reason=outage(error))
                failing = True
            await within(_LOOK_SECONDS, stop)

    async def look(self) -> None:
        """Read what there is, if it has changed."""
        async with self._pool.acquire() as connection:
            state = await self._state(connection)
            if state == self._seen:
                return
            # After the state: what changes in between is read again at the next look.
            held = await self._read(connection)
        if self._tell is not None:
            self._tell(held)
        self.held = held
        self._seen = state
        self._health.met(self._name)
        log.info("table read", name=self._name)
