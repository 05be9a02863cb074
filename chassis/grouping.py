# SPDX-License-Identifier: Apache-2.0
"""Requests carried out in groups: while one group is under way, the next one gathers.

What a transaction costs is paid once for all who ask while it runs; who asks alone waits for nobody.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

R = TypeVar("R")
A = TypeVar("A")


class Groups(Generic[R, A]):
    """Carries out the requests of many callers, ``most`` at a time, one group after the other.

    A group that follows closely on another begins ``rest`` seconds after its end: that costs its callers
    a little and saves much, because more of them share what a transaction costs.
    """

    def __init__(
        self, carry_out: Callable[[Sequence[R]], Awaitable[Sequence[A]]], most: int, rest: float = 0.0
    ) -> None:
        """Begin; ``carry_out`` answers a group in its order, or raises for all of it."""
        self._carry_out = carry_out
        self._most = most
        self._rest = rest
        self._ended = 0.0
        self._waiting: deque[tuple[R, asyncio.Future[A]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def ask(self, request: R) -> A:
        """Return the answer to a request; raise what its group raised.

        A caller that goes away before its group begins is left out of it, and later changes nothing.
        """
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(max(0.0, self._ended + self._rest - time.monotonic()))
                if group := self._next():
                    await self._one(group)
                    self._ended = time.monotonic()
        finally:
            self._running = None

    def _next(self) -> list[tuple[R, "asyncio.Future[A]"]]:
        group: list[tuple[R, asyncio.Future[A]]] = []
        while self._waiting and len(group) < self._most:
            asked = self._waiting.popleft()
            if not asked[1].done():
                group.append(asked)
        return group

    async def _one(self, group: Sequence[tuple[R, "asyncio.Future[A]"]]) -> None:
        try:
            answers = await self._carry_out([request for request, _ in group])
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked, and is raised there
            for _, waiting in group:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), answer in zip(group, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)
