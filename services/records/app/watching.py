# SPDX-License-Identifier: Apache-2.0
"""Watching the record grow: a cursor by position that survives every broken connection.

What is sent is decided by the cursor alone. A notification only makes the next look come sooner;
one that is lost costs at most the time of a poll.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from uuid import UUID

from chassis.rpc.refusal import Violation, invalid
from chassis.waiting import within
from services.records.app.authority import Permission
from services.records.app.names import Scope, read_parent
from services.records.app.open_watches import OpenWatches
from services.records.app.reading import Desk, RecordStore, Stretch, place_of, told_of
from services.records.domain.record import Recorded

CHUNK = 500
POLL_SECONDS = 1.0
# How often a watch of a learner to whom nothing happens is told how far the record has come.
QUIET_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next entries and how far the caller has come with them."""

    permission: Permission
    entries: tuple[Recorded, ...]
    position: int
    disclosure_id: UUID


class Growth:
    """Wakes the watches when the record may have grown."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def pulse(self) -> None:
        """Wake everyone who waits."""
        woken, self._next = self._next, asyncio.Event()
        woken.set()

    @property
    def next(self) -> asyncio.Event:
        """What the next pulse sets; take it before looking, so that no pulse is missed."""
        return self._next


class Watcher:
    """Answers the call that never ends by itself."""

    def __init__(self, desk: Desk, store: RecordStore, growth: Growth, watches: OpenWatches) -> None:
        self._desk = desk
        self._store = store
        self._growth = growth
        self._watches = watches

    async def watch(
        self, authorise: Callable[[], Awaitable[Permission]], parent: str, after: int
    ) -> AsyncGenerator[Chunk, None]:
        """Send the entries behind a position, then each as it comes; every chunk is logged.

        Raises Refusal where the position lies behind the record's end, and once the caller may not ask, also
        where nothing comes: what ends with the next entry would tell that there is one. Raises LimitReached
        where too many are open.
        """
        permission = await authorise()
        scope = read_parent(parent)
        if after < 0:
            raise invalid(Violation("after_position", "must not be negative"))
        with self._watches.one(permission, scope.tenant):
            async with aclosing(self._chunks(authorise, scope, after)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _chunks(
        self, authorise: Callable[[], Awaitable[Permission]], scope: Scope, after: int
    ) -> AsyncGenerator[Chunk, None]:
        loop = asyncio.get_running_loop()
        position, told, quiet_since = after, None, loop.time()
        while True:
            growth, permission = self._growth.next, await authorise()
            stretch = await self._store.behind(scope, position, CHUNK)
            if position > stretch.extent:
                # Of another record, or of one that was restored to an earlier hour: silent for long else.
                end = {"entries": 0, "position": stretch.extent}
                await self._desk.disclose(permission, scope, asked={"after_position": after}, told=end)
                raise invalid(Violation("after_position", f"the record ends at position {stretch.extent}"))
            position = _reached(stretch)
            overdue = told is None or loop.time() - quiet_since >= QUIET_SECONDS
            if stretch.entries or (overdue and position != told):
                yield await self._chunk(permission, scope, stretch, position)
                told, quiet_since = position, loop.time()
            if len(stretch.entries) < CHUNK:
                await within(POLL_SECONDS, growth)

    async def _chunk(self, permission: Permission, scope: Scope, stretch: Stretch, position: int) -> Chunk:
        told = {**told_of(stretch.entries), "position": position}
        disclosure_id = await self._desk.disclose(permission, scope, asked={}, told=told)
        return Chunk(permission, stretch.entries, position, disclosure_id)


def _reached(stretch: Stretch) -> int:
    """Return how far a caller has come: to the last entry of a full chunk, else to the record's end."""
    if len(stretch.entries) == CHUNK:
        return place_of(stretch.entries[-1])
    return stretch.extent
