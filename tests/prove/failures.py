# SPDX-License-Identifier: Apache-2.0
"""What ended the tasks of a run's processes, by their logs: a fault must be waited out, not died of."""

import json
from collections.abc import Iterator
from pathlib import Path

# The runner of Faust cannot seek: where another owner has moved a partition it begins anew (ADR 0002).
_EXPECTED = frozenset({"Conflict"})


def failures(logs: Path) -> Iterator[str]:
    """Name each task that ended by an error, with its process and the error's type and place."""
    for log in sorted(logs.glob("*.log")):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if '"task failed"' in line:
                yield from _failure(log.stem, json.loads(line))


def _failure(process: str, said: dict[str, object]) -> Iterator[str]:
    error = said["error"]
    assert isinstance(error, list)
    first = error[0]
    if first["type"] not in _EXPECTED:
        yield f"{process}: the task {said['task']} ended by {first['type']} at {first['at'][-1]}"
