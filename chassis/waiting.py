# SPDX-License-Identifier: Apache-2.0
"""Waiting for an event with a bound: how every loop of the chassis and the services rests."""

import asyncio
from contextlib import suppress

LONGEST_REST_SECONDS = 3.0
"""Between two tries of what somebody outside has to answer; less than the grace of whoever is to stop."""


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
