# SPDX-License-Identifier: Apache-2.0
"""Keeps the processes of an installation up, whatever ends them."""

import asyncio
import time
from collections.abc import Collection
from pathlib import Path

from deploy.local.detached import exit_code
from deploy.local.processes import Processes
from tests.prove.endings import Ending, last_event

_LOOK_SECONDS = 0.05
# What cannot start, because what it needs is down, is not to take the cores from what can mend that.
_AGAIN_SECONDS = 1.0


class Keeper:
    """Starts what has ended again, as an orchestrator would, and notes how it ended."""

    def __init__(self, processes: Processes, logs: Path) -> None:
        self._processes = processes
        self._logs = logs
        self.kept: set[str] = set()
        """Processes that are to be up."""
        self._started: dict[str, float] = {}
        self._ended: dict[int, Ending] = {}

    @property
    def endings(self) -> Collection[Ending]:
        """How processes ended that nobody stopped in order."""
        return self._ended.values()

    async def keep(self) -> None:
        """Look after the processes until cancelled."""
        while True:
            for name in list(self.kept):
                self._look(name)
            await asyncio.sleep(_LOOK_SECONDS)

    def leave(self, names: Collection[str]) -> None:
        """Look after processes no longer, which are going to be stopped; one may have ended already."""
        self.kept.difference_update(names)
        for name in names:
            self._note(name)

    def _look(self, name: str) -> None:
        now = time.monotonic()
        if self._note(name) and now - self._started.get(name, 0.0) >= _AGAIN_SECONDS:
            self._started[name] = now
            self._processes.start([self._processes.kill(name)])

    def _note(self, name: str) -> bool:
        """Tell whether a process has ended, and note how."""
        pid = self._processes.running(name).pid
        code = exit_code(pid)
        if code is not None and pid not in self._ended:
            self._ended[pid] = Ending(name, pid, code, last_event(self._logs / f"{name}.log"))
        return code is not None
