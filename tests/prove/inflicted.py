# SPDX-License-Identifier: Apache-2.0
"""What a proof itself does to the processes and to what they stand on, which is no failure of theirs."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psutil

# Who is started anew meanwhile asks for so long for what was down, or finds connections that are stale.
_AFTER = timedelta(seconds=30)


@dataclass(slots=True)
class Inflicted:
    """Which processes were ended on purpose, and when brokers, database or network were down."""

    killed: set[int] = field(default_factory=set)
    asked_to_end: set[int] = field(default_factory=set)
    _outages: list[tuple[datetime, datetime]] = field(default_factory=list)

    def kill(self, process: psutil.Process) -> None:
        """End a process by SIGKILL, unless it has ended."""
        self.killed.add(process.pid)
        with suppress(psutil.NoSuchProcess):
            process.kill()

    def ask_to_end(self, process: psutil.Process) -> None:
        """Ask a process to end, by SIGTERM."""
        self.asked_to_end.add(process.pid)
        process.terminate()

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Note that something which every process needs is down within the block."""
        begun = datetime.now(UTC)
        try:
            yield
        finally:
            self._outages.append((begun, datetime.now(UTC) + _AFTER))

    def down(self, at: datetime) -> bool:
        """Tell whether something was down at an instant, or so shortly before that it could not be met."""
        return any(begun <= at <= over for begun, over in self._outages)
