# SPDX-License-Identifier: Apache-2.0
"""Locks between the processes of this machine, which the system drops when their holder ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

POLL_SECONDS = 0.05


class TakenError(TimeoutError):
    """Another process holds the lock."""


@contextmanager
def exclusive(path: Path, timeout: float) -> Iterator[None]:
    """Hold the lock alone; raise TakenError when another process keeps it that long."""
    descriptor = _open(path)
    try:
        deadline = time.monotonic() + timeout
        while not _try(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                message = f"another process has held {path} for {timeout:.0f} s"
                raise TakenError(message)
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


class Use:
    """A share in something that several processes use, until the last of them leaves."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = _open(path)

    def __enter__(self) -> Self:
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def alone(self) -> bool:
        """Whether no other process has a share; nobody can get one while the answer yes is acted upon."""
        return _try(self._descriptor, fcntl.LOCK_EX)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Children must not inherit a lock, or they would hold it beyond their parent's end.
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
