# SPDX-License-Identifier: Apache-2.0
"""Remembers a process that outlives its starter, and recognises it again beyond doubt.

A process number alone is no identity: the system gives it away again. Start time and command line
together are.
"""

import json
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import psutil

from deploy.local.detached import ends

# The system's clock may be corrected between two readings of one start time.
START_TOLERANCE_SECONDS = 2.0
KILLED_SECONDS = 5.0
APPEARS_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A process, by number and start time, and the ports it was given."""

    pid: int
    started: float
    marker: str
    ports: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, pid: int, marker: str, ports: dict[str, int] | None = None) -> Self:
        """Describe a process just started; ``marker`` is a part of its command line."""
        running = cls(pid=pid, started=psutil.Process(pid).create_time(), marker=marker, ports=ports or {})
        # For a moment after it started, the system knows no command line of it.
        deadline = time.monotonic() + APPEARS_SECONDS
        while not running.alive and psutil.pid_exists(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        return running

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read what was remembered; nothing for a missing or damaged file."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def remember(self, path: Path) -> None:
        """Write the file in one step, so that a reader never sees half of it."""
        write_whole(path, json.dumps(asdict(self)))

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return self.process() is not None

    def process(self) -> psutil.Process | None:
        """Return that very process, or nothing when it is gone and its number is someone else's."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < START_TOLERANCE_SECONDS
            if not same or process.status() == psutil.STATUS_ZOMBIE:
                return None
            return process if any(self.marker in part for part in process.cmdline()) else None
        except psutil.Error:
            return None

    def kill(self) -> None:
        """End that very process by SIGKILL and wait until it is gone; one that is gone stays so."""
        if (process := self.process()) is not None:
            with suppress(psutil.NoSuchProcess):
                process.kill()
            ends(process, KILLED_SECONDS)


def write_whole(path: Path, text: str) -> None:
    """Replace a file by a new one that only this user reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)


def stop_all(running: Sequence[Running], grace: float) -> list[Running]:
    """Ask processes to end, all at once; kill after ``grace`` seconds; return the ones killed."""
    asked = [(each, process) for each in running if (process := each.process()) is not None]
    for _, process in asked:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    deadline = time.monotonic() + grace
    late = [(each, process) for each, process in asked if not ends(process, deadline - time.monotonic())]
    for _, process in late:
        with suppress(psutil.NoSuchProcess):
            process.kill()
        ends(process, KILLED_SECONDS)
    return [each for each, _ in late]
