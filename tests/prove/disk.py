# SPDX-License-Identifier: Apache-2.0
"""A disk of PostgreSQL's own, small enough to be filled: its data on a file system in memory.

When it is full, a table that must grow is refused (SQLSTATE 53100) and the session goes on. Once the
write-ahead log needs another file the server panics: every session ends, and since its recovery
wants to write as well, the server itself ends. It is started again after :meth:`Disk.free`.
"""

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.prove.commands import run

BALLAST = "ballast"
# Otherwise a checkpoint would come only after more log than a small disk holds.
SETTINGS = {"min_wal_size": "64MB", "max_wal_size": "192MB"}
_STEPS = (2**20, 2**12, 1)


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that is mounted on a folder."""

    folder: Path

    def fill(self) -> int:
        """Write until nothing is left, and return the number of bytes that it took."""
        descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return sum(_write_all(descriptor, b"\0" * step) for step in _STEPS)
        finally:
            os.close(descriptor)

    def free(self) -> None:
        """Give back what :meth:`fill` took."""
        self._ballast.unlink(missing_ok=True)

    @property
    def left(self) -> int:
        """How many bytes can still be written."""
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize

    @property
    def _ballast(self) -> Path:
        return self.folder / BALLAST


@contextmanager
def mounted(folder: Path, mebibytes: int) -> Iterator[Disk]:
    """Mount an empty file system on a folder, and forget it with all it holds when the block is left.

    What uses it, such as a server, must have been stopped by then. What a killed run left there is
    taken away first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    while folder.is_mount():
        unmount(folder)
    run("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "cairn-prove", str(folder))
    try:
        yield Disk(folder)
    finally:
        unmount(folder)


def unmount(folder: Path) -> None:
    """Forget the file system that is mounted on a folder."""
    run("umount", str(folder))


def possible() -> str | None:
    """Return why this machine does not let us mount a file system, or nothing."""
    if os.geteuid() != 0:
        return "only the superuser mounts a file system"
    try:
        with tempfile.TemporaryDirectory() as scratch, mounted(Path(scratch), 1):
            return None
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no file system can be mounted: {getattr(error, 'stderr', None) or error}".strip()


def _write_all(descriptor: int, block: bytes) -> int:
    written = 0
    try:
        while True:
            written += os.write(descriptor, block)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
    return written
