# SPDX-License-Identifier: Apache-2.0
"""Notices a topic that is deleted and made again under a running consumer."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress

from aiokafka.errors import KafkaError

from chassis.errors import Retry
from chassis.sqlstate import OUTSIDE
from chassis.streams.topic_ids import read_topic_ids
from chassis.unit.work import UnitOfWork
from chassis.waiting import within

_LOOK_SECONDS = 10.0


class TopicWatch:
    """Looks now and then whether the topics of a running consumer are still those that it claimed.

    A client is assigned nothing of a topic that is gone, for minutes after it is there again. Or it meets
    an offset out of range and begins at the new start: what that brings lies below the progress and is
    passed over as redelivered. Neither would ever be told.
    """

    def __init__(self, bootstrap: str, work: UnitOfWork, topics: Iterable[str]) -> None:
        """Begin with topics that are going to be claimed, which looks at them."""
        self._bootstrap = bootstrap
        self._work = work
        self._topics = tuple(topics)
        self._looked_at = time.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Look until asked to stop."""
        while not await within(_LOOK_SECONDS, stop):
            await self.look()

    async def look(self) -> None:
        """Raise RecordsLost where a topic was made again; ask at most once in ten seconds."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = now
        # Whoever cannot be asked now is asked again; what is consumed meanwhile is not lost by that.
        with suppress(KafkaError, Retry, *OUTSIDE):
            await self._work.check_topics(await read_topic_ids(self._bootstrap, self._topics))
