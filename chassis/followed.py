# SPDX-License-Identifier: Apache-2.0
"""Files that are read together, and again when they change, as those of a mounted Secret do."""

from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Generic, TypeVar

import structlog

from chassis.errors import Reject

T = TypeVar("T")
_Seen = tuple[int, int, int, int] | None

_BETWEEN_TRIES = 5.0

log = structlog.get_logger()


class Followed(Generic[T]):
    """What some files hold; each is named by the setting that names it."""

    def __init__(self, files: Mapping[str, Path], read: Callable[[Mapping[str, bytes]], T]) -> None:
        """Read the files; raise Reject naming the setting of the one that will not do."""
        self._files = files
        self._read = read
        self._seen = self._look()
        self._refused = ""
        self._again_at = 0.0
        self.held = read(_contents(files))

    def follow(self) -> bool:
        """Read the files again if they have changed; tell whether something new is held.

        Where one will not do, say so, go on with what is held, and try again a while later although nothing
        changes: a certificate may begin only then.
        """
        seen, now = self._look(), monotonic()
        if seen == self._seen and not (self._refused and now >= self._again_at):
            return False
        self._seen, self._again_at = seen, now + _BETWEEN_TRIES
        # Also where it ends by what nobody foresaw, it is tried again.
        before, self._refused = self._refused, "not read"
        try:
            self.held = self._read(_contents(self._files))
        except Reject as error:
            if str(error) != before:
                log.warning("files not taken", setting=error.field, reason=error.reason)
            self._refused = str(error)
            return False
        self._refused = ""
        return True

    def _look(self) -> tuple[_Seen, ...]:
        """Return what changes when a file does, also one behind a link that is set anew."""
        return tuple(_state(path) for path in self._files.values())


def _state(path: Path) -> _Seen:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _contents(files: Mapping[str, Path]) -> dict[str, bytes]:
    contents = {}
    for setting, path in files.items():
        try:
            contents[setting] = path.read_bytes()
        except OSError as error:
            reason = f"must name a file that this process can read: {error.strerror}"
            raise Reject(reason, setting) from None
    return contents
