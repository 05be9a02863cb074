# SPDX-License-Identifier: Apache-2.0
"""A partner who watches the record across broken connections, and may miss nothing and see nothing twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from cairn.client.records import open_records
from cairn.records.v1.entry_pb2 import Entry
from deploy.local.cohort.submission import TENANT
from tests.e2e.installation import Whole
from tests.e2e.quiet import until

_LAST_ENTRIES_SECONDS = 60


class Watched:
    """The entries seen so far, in the order in which they came."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    async def reach(self, length: int) -> None:
        """Wait until so many entries came; fail unless each came once, by position."""
        async with asyncio.timeout(_LAST_ENTRIES_SECONDS):
            await until(lambda: self._has(length))
        assert [entry.position for entry in self.entries] == list(range(1, length + 1))

    async def _has(self, length: int) -> bool:
        return len(self.entries) >= length

    async def follow(self, address: str) -> None:
        """Watch until cancelled."""
        async with open_records(address, TENANT) as records:
            async for entry in records.watch(after_position=0):
                self.entries.append(entry)


@asynccontextmanager
async def watching(up: Whole) -> AsyncIterator[Watched]:
    """Watch the whole record while the block runs."""
    watched = Watched()
    following = asyncio.create_task(watched.follow(up.installation.layout.address("records-grpc")))
    try:
        yield watched
        if following.done():
            following.result()
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
