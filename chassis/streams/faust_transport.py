# SPDX-License-Identifier: Apache-2.0
"""Faust's transport, made faster at its dearest place and safer at a dangerous one.

It makes no tasks to hand a message over unless somebody has to wait, and hands over nothing that was
fetched before a rebalance.

For each message Faust's consumer makes four tasks, of which it cancels three: one delivers, the others
wait for a rebalance, a stop and a crash, any of which ends a delivery that waits for room
(``Consumer._drain_messages`` of 0.15.3). A delivery hardly ever waits. Here it is begun at once, and
only one that then waits goes on as Faust has it, with every way out.
"""

from collections.abc import Coroutine, Generator
from functools import partial
from inspect import iscoroutine
from types import coroutine
from typing import Any

from faust.transport.drivers import aiokafka as driver
from mode.services import Service, WaitResults


class Deliverer(Service):
    """A service that delivers without tasks where it can."""

    async def wait_first(self, *coros: Any, timeout: Any = None) -> WaitResults:  # noqa: ASYNC109 - as overridden
        """Wait for the first; a coroutine that leads and need not wait is all that is done."""
        first, *others = coros
        if not iscoroutine(first) or self.should_stop:
            return await super().wait_first(*coros, timeout=timeout)
        try:
            waited_for = first.send(None)
        except BaseException as ended:
            for other in filter(iscoroutine, others):
                other.close()
            if isinstance(ended, StopIteration):
                return WaitResults([first], [ended.value], stopped=False)
            raise
        return await super().wait_first(_rest(first, waited_for), *others, timeout=timeout)


async def _rest(begun: Coroutine[Any, Any, Any], waited_for: Any) -> Any:
    """Go on with a coroutine that was begun and waits."""
    return await _resumed(begun, waited_for)


@coroutine
def _resumed(begun: Coroutine[Any, Any, Any], waited_for: Any) -> Generator[Any, Any, Any]:
    while True:
        try:
            answer = yield waited_for
        except BaseException as error:  # noqa: BLE001 - handed on, whatever it is
            step = partial(begun.throw, error)
        else:
            step = partial(begun.send, answer)
        try:
            waited_for = step()
        except StopIteration as ended:
            return ended.value


class Consumer(Deliverer, driver.Consumer):
    """Such a consumer, which takes no records of an assignment that has ended for those of the next.

    A fetch may be under way while the partitions are assigned anew and set to their committed offsets.
    Faust asks for the generation only once it has ended (``Consumer.getmany`` of 0.15.3): what it brings
    would hide all that lies between the committed offset and where the fetch began.
    """

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:  # noqa: ASYNC109 - as overridden
        generation = self.app.consumer_generation_id
        records, active = await super()._wait_next_records(timeout)
        if records and generation != self.app.consumer_generation_id:
            await self.perform_seek()
            return None, active
        return records, active


class Transport(driver.Transport):
    """The transport that has such consumers."""

    Consumer = Consumer
