# SPDX-License-Identifier: Apache-2.0
"""A connection to the database that knows which one it is, and for how long nothing was asked of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import asyncpg

_numbers = count(1)


class Session(asyncpg.Connection):
    """A connection with a number: one that was made later has a higher one.

    It knows for how long nothing was asked of it. The time in a statement is not in that: it is the
    database's, or the network's.
    """

    __slots__ = ("_answered", "_rested", "number")

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.number = next(_numbers)
        self._answered = time.monotonic()
        self._rested = 0.0

    def idle(self) -> float:
        """Return for how long nothing was asked before the last statement, or since if that is longer."""
        return max(self._rested, time.monotonic() - self._answered)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        self._rested = time.monotonic() - self._answered
        try:
            yield
        finally:
            self._answered = time.monotonic()

    async def execute(self, *args: Any, **named: Any) -> Any:
        with self._asking():
            return await super().execute(*args, **named)

    async def executemany(self, *args: Any, **named: Any) -> Any:
        with self._asking():
            return await super().executemany(*args, **named)

    async def fetch(self, *args: Any, **named: Any) -> Any:
        with self._asking():
            return await super().fetch(*args, **named)

    async def fetchrow(self, *args: Any, **named: Any) -> Any:
        with self._asking():
            return await super().fetchrow(*args, **named)

    async def fetchval(self, *args: Any, **named: Any) -> Any:
        with self._asking():
            return await super().fetchval(*args, **named)
