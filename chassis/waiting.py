# SPDX-License-Identifier: Apache-2.0
"""Waiting for an event with a bound: how every loop of the chassis and the services rests."""

import asyncio
from contextlib import suppress


async def within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for an event, but no longer than this; tell whether it has come."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
