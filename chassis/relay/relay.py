# SPDX-License-Identifier: Apache-2.0
"""The relay process: all slots of one service's outbox, woken by notification."""

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from cairn.brokers import Bootstrap
from chassis.database import Pool
from chassis.errors import Bug
from chassis.health import Health
from chassis.relay.slot import Slot, SlotSettings
from chassis.sqlstate import OUTSIDE
from chassis.unit.outbox import CHANNEL
from chassis.waiting import within

# How soon a listener that has lost its connection, or has been asked to stop, notices.
_LOOK = 0.25


class Relay:
    """Publishes the outbox of one service."""

    def __init__(self, pool: Pool, bootstrap: Bootstrap, slots: int, health: Health) -> None:
        """Begin with no slot held; another relay may hold some of them."""
        holder = uuid4().hex
        self._pool = pool
        self._slots = [
            Slot(pool, SlotSettings(number, slots, bootstrap, holder), health) for number in range(slots)
        ]

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until asked to stop; the batch in hand is finished first."""
        async with asyncio.TaskGroup() as running:
            for slot in self._slots:
                running.create_task(_uncancelled(slot.run(stop)))
            running.create_task(self._listen(stop))
            await stop.wait()
            self._wake(self._slots)

    async def _listen(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with suppress(*OUTSIDE):
                async with self._pool.acquire() as connection:
                    await connection.add_listener(CHANNEL, self._notified)
                    while not connection.is_closed() and not await within(_LOOK, stop):
                        pass
                    await connection.remove_listener(CHANNEL, self._notified)
            await within(_LOOK, stop)

    def _notified(self, _connection: object, _process: object, _channel: object, partitions: object) -> None:
        numbers = {int(number) % len(self._slots) for number in str(partitions).split(",") if number}
        self._wake([self._slots[number] for number in numbers] or self._slots)

    def _wake(self, slots: Iterable[Slot]) -> None:
        for slot in slots:
            slot.wake.set()


async def _uncancelled(work: Coroutine[Any, Any, None]) -> None:
    """Do the work of a slot; raise Bug where it is cancelled and nobody has asked for that.

    A group of tasks takes no notice of one that ends as cancelled, and its rows would wait for ever.
    """
    try:
        await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and not task.cancelling():
            raise Bug("a slot of the relay was cancelled by what it waited for") from error
        raise
