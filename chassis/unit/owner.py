# SPDX-License-Identifier: Apache-2.0
"""One process as the owner of partitions: what it claims, and looks at, besides its units of work."""

from collections.abc import Iterable, Mapping

from chassis.database import Pool
from chassis.streams.message import NO_OFFSETS, Offsets, Partition
from chassis.unit import fence
from chassis.unit.losses import NO_IDS, TopicIds, check_logs
from chassis.unit.ownership import Ownership


class Owner:
    """Holds what one consumer's process owns against the database."""

    def __init__(self, pool: Pool, consumer: str) -> None:
        """Begin with no partition owned."""
        self.consumer = consumer
        self.ownership = Ownership(consumer)
        self._pool = pool

    async def claim(
        self, starts: Offsets, ends: Offsets = NO_OFFSETS, ids: TopicIds = NO_IDS
    ) -> dict[Partition, int]:
        """Take over partitions, given where each one's log starts and ends, and return where to go on.

        Raises RecordsLost where a log does not reach to the stored progress or is of a topic that was
        made again: nothing may go on until an operator has accepted the loss that the message names.
        """
        async with self._pool.acquire() as connection:
            await check_logs(connection, self.consumer, starts, ends, ids)
            return await self.ownership.claim(connection, starts, ids)

    async def check_logs(self, starts: Offsets, ends: Offsets) -> None:
        """Raise RecordsLost where a log no longer reaches to the stored progress."""
        async with self._pool.acquire() as connection:
            await check_logs(connection, self.consumer, starts, ends, NO_IDS)

    async def look(self, ids: TopicIds) -> None:
        """Disown partitions that stand elsewhere by now; nobody need be at work for that.

        Raises RecordsLost where a topic has been made again since it was claimed.
        """
        async with self._pool.acquire() as connection:
            await check_logs(connection, self.consumer, NO_OFFSETS, NO_OFFSETS, ids)
            await self.ownership.look(connection)

    async def stored(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return each partition's progress as it is stored, whoever owns it."""
        async with self._pool.acquire() as connection:
            return await fence.look(connection, self.consumer, partitions)

    async def pass_over(self, ahead: Mapping[Partition, tuple[int, int]]) -> None:
        """Move the progress from where it stood to a position: whatever lies between is no record."""
        async with self._pool.acquire() as connection:
            await self.ownership.pass_over(connection, ahead)
