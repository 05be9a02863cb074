# SPDX-License-Identifier: Apache-2.0
"""A delivery that need not wait makes no task; one that waits keeps every way out; none is of the past."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest
from faust.transport.drivers import aiokafka as driver

from chassis.streams.faust_transport import Consumer, Deliverer


@pytest.fixture
def consumer() -> Deliverer:
    return Deliverer()


class Delivery:
    """Something to deliver, which waits until there is room."""

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.cancelled = False
        self.delivered = 0

    async def deliver(self) -> str:
        try:
            await self.room.wait()
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        self.delivered += 1
        return "delivered"


async def refused() -> str:
    raise ValueError("refused")


async def refused_later() -> str:
    await asyncio.sleep(0)
    raise ValueError("refused later")


async def test_what_need_not_wait_is_done_without_a_task(consumer: Deliverer) -> None:
    before = asyncio.all_tasks()
    seen: list[set[asyncio.Task[object]]] = []

    async def looks() -> str:
        seen.append(asyncio.all_tasks() - before)
        return "delivered"

    found = await consumer.wait_first(looks(), asyncio.Event().wait())
    assert (found.results, found.stopped) == (["delivered"], False)
    assert seen == [set()]


async def test_what_has_to_wait_goes_on_to_its_end(consumer: Deliverer) -> None:
    delivery = Delivery()
    waiting = asyncio.create_task(consumer.wait_first(delivery.deliver(), asyncio.Event().wait()))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    delivery.room.set()
    assert (await waiting).results == ["delivered"]
    assert delivery.delivered == 1


async def test_a_rebalance_ends_a_delivery_that_waits(consumer: Deliverer) -> None:
    delivery, suspended = Delivery(), asyncio.Event()
    waiting = asyncio.create_task(consumer.wait_first(delivery.deliver(), suspended.wait()))
    await asyncio.sleep(0.01)
    suspended.set()
    assert (await asyncio.wait_for(waiting, 1)).results == [True]
    assert delivery.cancelled
    assert delivery.delivered == 0


async def test_a_stop_ends_a_delivery_that_waits(consumer: Deliverer) -> None:
    delivery = Delivery()
    waiting = asyncio.create_task(consumer.wait_first(delivery.deliver(), asyncio.Event().wait()))
    await asyncio.sleep(0.01)
    consumer._stopped.set()
    assert (await asyncio.wait_for(waiting, 1)).stopped
    assert delivery.cancelled


@pytest.mark.parametrize("refusal", [refused, refused_later])
async def test_what_a_delivery_raises_is_raised(consumer: Deliverer, refusal: object) -> None:
    with pytest.raises(ValueError, match="refused"):
        await consumer.wait_first(refusal(), asyncio.Event().wait())  # type: ignore[operator]


async def test_what_is_no_coroutine_is_waited_for_as_ever(consumer: Deliverer) -> None:
    done = asyncio.get_running_loop().create_future()
    done.set_result("done")
    assert (await consumer.wait_first(done, timeout=1)).results == ["done"]
    assert (await consumer.wait_first(asyncio.Event().wait(), timeout=0.01)).stopped


@pytest.mark.parametrize(
    ("rebalanced", "fetched", "sought"), [(False, {"p": [1]}, 0), (True, None, 1), (True, {}, 0)]
)
async def test_what_was_fetched_before_a_rebalance_is_not_handed_over(
    monkeypatch: pytest.MonkeyPatch, rebalanced: bool, fetched: Any, sought: int
) -> None:
    app = SimpleNamespace(consumer_generation_id=4)

    async def fetch(_self: Any, _timeout: float) -> tuple[Any, set[str]]:
        app.consumer_generation_id += rebalanced
        return {"p": [1]} if fetched is None else fetched, {"p"}

    monkeypatch.setattr(driver.Consumer, "_wait_next_records", fetch)
    consumer = Consumer.__new__(Consumer)
    consumer.app = app  # type: ignore[assignment]  # it needs nothing else of it
    consumer.perform_seek = seek = AsyncMock()  # type: ignore[method-assign]
    assert await consumer._wait_next_records(1.0) == (fetched, {"p"})
    assert seek.await_count == sought
