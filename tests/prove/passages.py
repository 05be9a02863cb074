# SPDX-License-Identifier: Apache-2.0
"""Counts how often a process passes a point, and ends it there as the system itself may: by SIGKILL.

Each death is marked in a file first, so that who started the process knows that the point was hit.
"""

import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

Plan = Mapping[str, Sequence[int]]
"""Point → at which passage of each life the process ends there; one that has died so often lives on."""


@dataclass(slots=True)
class Passages:
    """The points that one process has passed since it started."""

    plan: Plan
    marks: Path
    process: str = ""
    _counted: Counter[str] = field(default_factory=Counter)

    def passed(self, point: str) -> None:
        """Count a passage, and end the process here if it is the planned one."""
        self._counted[point] += 1
        planned = self.plan.get(point, ())
        died = hits(self.marks)[f"{self.process}|{point}"]
        if died < len(planned) and self._counted[point] == planned[died]:
            with self.marks.open("a", encoding="utf-8") as file:
                file.write(f"{self.process}|{point}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def after(
        self, owner: object, name: str, point: str, counts: Callable[[Any], bool] = lambda _: True
    ) -> None:
        """Pass a point after each call of a coroutine function, where its result ``counts``."""
        original: Callable[..., Awaitable[Any]] = getattr(owner, name)

        @wraps(original)
        async def passing(*given: Any, **named: Any) -> Any:
            result = await original(*given, **named)
            if counts(result):
                self.passed(point)
            return result

        setattr(owner, name, passing)

    def after_work(
        self, owner: object, work: str, turn: str, point: str, counts: Callable[[Any], bool] = bool
    ) -> None:
        """Pass a point after each ``turn`` in which ``work`` was done, told by its result."""
        found = False

        def note(result: Any) -> bool:
            nonlocal found
            found = counts(result)
            return False

        def had_work(_: Any) -> bool:
            nonlocal found
            had, found = found, False
            return had

        self.after(owner, work, point, note)
        self.after(owner, turn, point, had_work)


def hits(marks: Path) -> Counter[str]:
    """Return how often each process has ended at each point, by ``process|point``."""
    return Counter(marks.read_text(encoding="utf-8").split("\n")[:-1]) if marks.exists() else Counter()
