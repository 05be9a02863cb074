# SPDX-License-Identifier: Apache-2.0
"""Shows what takes time: one line per step with its duration, or a bar where a share is known.

Steps may run in threads beside one another. Without a terminal each step prints one line when done.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Step:
    """A step under way; tell it how far it has come."""

    def __init__(self, bars: Progress, task: TaskID) -> None:
        self._bars = bars
        self._task = task

    def reach(self, done: int, of: int) -> None:
        """Say how many of how many parts are done."""
        self._bars.update(self._task, completed=done, total=of)

    def say(self, text: str) -> None:
        """Show what the step does now."""
        self._bars.update(self._task, now=text)


class Steps:
    """All the steps of one run, on one console."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=30),
            TimeElapsedColumn(),
            TextColumn("{task.fields[now]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._lock = threading.Lock()
        self._open = 0

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show a step while the block runs, and how long it took."""
        self._enter()
        task = self._bars.add_task(name, total=None, now="")
        begun = time.monotonic()
        mark = "[red]✗[/red]"
        try:
            yield Step(self._bars, task)
            mark = "[green]✓[/green]"
        finally:
            self._bars.remove_task(task)
            self.console.print(f"{mark} {name:<28} [dim]{time.monotonic() - begun:.1f} s[/dim]")
            self._leave()

    def _enter(self) -> None:
        with self._lock:
            self._open += 1
            if self._open == 1:
                self._bars.start()

    def _leave(self) -> None:
        with self._lock:
            self._open -= 1
            if self._open == 0:
                self._bars.stop()
