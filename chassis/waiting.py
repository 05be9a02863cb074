# SPDX-License-Identifier: Apache-2.0
"""Waiting for an event with a bound: how every loop of the chassis and the services rests."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import stamina

# Between two tries of what somebody outside has to answer; less than the grace of whoever is to stop.
_LONGEST_REST_SECONDS = 3.0

T = TypeVar("T")


async def within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for an event, but no longer than this; tell whether it has come."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


class Stopped(Exception):
    """Whoever was at work, or waited, was asked to stop before it was done."""


async def unless(stop: asyncio.Event, event: asyncio.Event) -> None:
    """Wait for an event; raise Stopped where ``stop`` comes before it."""
    waits = [asyncio.ensure_future(each.wait()) for each in (event, stop)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()
    if not event.is_set():
        raise Stopped


async def patiently(
    act: Callable[[], Awaitable[T]],
    on: tuple[type[Exception], ...] | Callable[[Exception], bool],
    stop: asyncio.Event,
) -> T:
    """Try until whoever is asked is there; raise Stopped instead of another try once asked to stop.

    ``on`` are the errors by which that is not so, or tells them.
    """
    async for attempt in stamina.retry_context(
        on=on, attempts=None, timeout=None, wait_max=_LONGEST_REST_SECONDS
    ):
        with attempt:
            if stop.is_set() and attempt.num > 1:
                raise Stopped
            return await act()
    raise AssertionError  # pragma: no cover - the loop above has no other end
