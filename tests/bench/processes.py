# SPDX-License-Identifier: Apache-2.0
"""What each process uses: CPU seconds, and memory that is resident.

The CPU of PostgreSQL is told apart by the application that each of its processes works for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from deploy.local.layout import Part
from deploy.local.running import Running

MIB = 1024**2
_BACKENDS = "select pid, application_name from pg_stat_activity where application_name <> ''"

CpuSeconds = Mapping[psutil.Process, float]


@dataclass(frozen=True, slots=True)
class Machine:
    """The processes of one installation, of its broker and of its database, and this one, which feeds."""

    cairn: Mapping[str, psutil.Process]
    broker: psutil.Process
    postgres: psutil.Process

    def resident(self) -> dict[str, float]:
        """Return the resident MiB of each process of Cairn."""
        return {name: process.memory_info().rss / MIB for name, process in self.cairn.items()}

    def cpu(self) -> dict[psutil.Process, float]:
        """Return the CPU seconds that each process has used since it began."""
        backends = self.postgres.children(recursive=True)
        used: dict[psutil.Process, float] = {}
        for process in (psutil.Process(), self.broker, self.postgres, *self.cairn.values(), *backends):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            used[process] = times.user + times.system
            if process == self.postgres:  # what its children used that have ended
                used[process] += times.children_user + times.children_system
        return used

    async def itemise(self, admin: str, before: CpuSeconds, after: CpuSeconds) -> dict[str, float]:
        """Return the CPU seconds between two looks by name."""
        names = {process: name for name, process in self.cairn.items()}
        names |= {self.broker: "kafka", psutil.Process(): "bench"}
        applications = await _applications(admin)
        items: dict[str, float] = {}
        for process, seconds in after.items():
            name = names.get(process) or f"postgres.{applications.get(process.pid, 'other')}"
            items[name] = items.get(name, 0.0) + seconds - before.get(process, 0.0)
        return items


def machine(folder: Path, parts: Iterable[Part] = ()) -> Machine:
    """Find the processes by what the folder of the stack and the installation remembers."""
    return Machine(
        cairn={part.name: _process(folder / "processes" / f"{part.name}.json") for part in parts},
        broker=_process(folder / "kafka" / "running.json"),
        postgres=_process(folder / "postgres" / "running.json"),
    )


def _process(remembered: Path) -> psutil.Process:
    running = Running.read(remembered)
    process = None if running is None else running.process()
    if process is None:
        message = f"{remembered.stem} does not run"
        raise RuntimeError(message)
    return process


async def _applications(admin: str) -> dict[int, str]:
    connection = await asyncpg.connect(admin)
    try:
        rows = await connection.fetch(_BACKENDS)
    finally:
        await connection.close()
    return {row["pid"]: row["application_name"].removeprefix("cairn-") for row in rows}
