# SPDX-License-Identifier: Apache-2.0
"""Says why a server or process did not come up: by the end of its own log."""

from pathlib import Path

LINES = 30
BYTES = 16_384


class ServerFailedError(RuntimeError):
    """A server or a program failed; the text ends with the end of its log."""

    def __init__(self, what: str, log: str) -> None:
        super().__init__(f"{what} failed; the log ends with:\n{log}")
        self.what = what


def tail(path: Path) -> str:
    """Return the last lines of a log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return "(there is no log)"
    return "\n".join(text.splitlines()[-LINES:])
