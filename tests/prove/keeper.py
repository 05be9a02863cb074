# SPDX-License-Identifier: Apache-2.0
"""Keeps the processes of an installation up, whatever ends them."""

import asyncio
import time

from deploy.local.detached import exit_code
from deploy.local.processes import Processes

_LOOK_SECONDS = 0.05
# What cannot start, because what it needs is down, is not to take the cores from what can mend that.
_AGAIN_SECONDS = 1.0


class Keeper:
    """Starts what has ended again, as an orchestrator would."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self.kept: set[str] = set()
        """Processes that are to be up."""
        self._started: dict[str, float] = {}

    async def keep(self) -> None:
        """Look after the processes until cancelled."""
        while True:
            for name in list(self.kept):
                self._look(name)
            await asyncio.sleep(_LOOK_SECONDS)

    def _look(self, name: str) -> None:
        now = time.monotonic()
        code = exit_code(self._processes.running(name).pid)
        if code is not None and now - self._started.get(name, 0.0) >= _AGAIN_SECONDS:
            self._started[name] = now
            self._processes.start([self._processes.kill(name)])
