# SPDX-License-Identifier: Apache-2.0
"""Notices under a running consumer that a topic was made again, or that its database was restored."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from aiokafka.errors import KafkaError

from cairn.brokers import Bootstrap
from chassis.errors import Retry
from chassis.sqlstate import OUTSIDE
from chassis.streams.topic_ids import read_topic_ids
from chassis.unit.work import UnitOfWork
from chassis.waiting import within

_LOOK_SECONDS = 10.0


class ClaimWatch:
    """Looks now and then whether what a running consumer claimed is still as it was.

    Of a topic that is gone a client is assigned nothing, for minutes after it is there again. Or it meets
    an offset out of range and begins at the new start: what that brings lies below the progress and is
    passed over as redelivered. And where progress went back with its database, nothing asks about it until
    a record comes. None of that would ever be told.
    """

    def __init__(self, bootstrap: Bootstrap, work: UnitOfWork, topics: Iterable[str]) -> None:
        """Begin with topics that are going to be claimed, which looks at them."""
        self._bootstrap = bootstrap
        self._work = work
        self._topics = tuple(topics)
        self._looked_at = time.monotonic()

    async def run(self, stop: asyncio.Event, then: Callable[[], Awaitable[None]]) -> None:
        """Look until asked to stop, and look closer each time that all could be asked."""
        while not await within(_LOOK_SECONDS, stop):
            if await self.look():
                with suppress(KafkaError, *OUTSIDE):
                    await then()

    async def look(self) -> bool:
        """Disown what another has moved, at most once in ten seconds; tell whether all could be asked now.

        Raises RecordsLost where a topic was made again.
        """
        now = time.monotonic()
        if now - self._looked_at < _LOOK_SECONDS:
            return False
        self._looked_at = now
        # Whoever cannot be asked now is asked again; what is consumed meanwhile is not lost by that.
        with suppress(KafkaError, Retry, *OUTSIDE):
            await self._work.look(await read_topic_ids(self._bootstrap, self._topics))
            return True
        return False
