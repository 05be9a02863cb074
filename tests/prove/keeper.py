# SPDX-License-Identifier: Apache-2.0
"""Keeps the processes of an installation up, whatever ends them."""

import asyncio
import signal
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.detached import exit_code
from deploy.local.processes import STOP_SECONDS, Processes
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
        """How processes ended, but for those that end with the installation."""
        return self._ended.values()

    async def keep(self) -> None:
        """Look after the processes until cancelled."""
        while True:
            for name in list(self.kept):
                self._look(name)
            await asyncio.sleep(_LOOK_SECONDS)

    async def stop(self, names: Collection[str]) -> None:
        """Stop processes, which are looked after no longer, and note how each ended; one may have already.

        Whoever collects a child also takes its exit code: so it is looked for before anything else stops it.
        """
        self.kept.difference_update(names)
        left = [name for name in names if not self._note(name)]
        for name in left:
            if (process := self._processes.running(name).process()) is not None:
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while not all(self._note(name, stopped=True) for name in left) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)  # a process of the system sets no event here
        for name in left:
            if not self._note(name, stopped=True):
                self._end(name, -signal.SIGKILL, stopped=True)
                self._processes.kill(name)
        self._processes.stop(names)  # all have ended: it forgets them

    def _look(self, name: str) -> None:
        now = time.monotonic()
        if self._note(name) and now - self._started.get(name, 0.0) >= _AGAIN_SECONDS:
            self._started[name] = now
            self._processes.start([self._processes.kill(name)])

    def _note(self, name: str, *, stopped: bool = False) -> bool:
        """Tell whether a process has ended, and note how."""
        code = exit_code(self._processes.running(name).pid)
        if code is not None:
            self._end(name, code, stopped=stopped)
        return code is not None

    def _end(self, name: str, code: int, *, stopped: bool) -> None:
        pid = self._processes.running(name).pid
        if pid not in self._ended:
            said = last_event(self._logs / f"{name}.log", self._processes.begins(name))
            self._ended[pid] = Ending(name, pid, code, said, datetime.now(UTC), stopped)
