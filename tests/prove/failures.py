# SPDX-License-Identifier: Apache-2.0
"""What failed in a run's processes, by their logs: a fault must be waited out, not died of."""

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from aiokafka import errors as kafka

from tests.prove.inflicted import Inflicted
from tests.prove.processes import first_of

_OUTSIDE = {
    name
    for name, each in vars(kafka).items()
    if isinstance(each, type) and issubclass(each, kafka.KafkaError)
} | {"Retry", "InterfaceError", "InternalClientError"}
"""Errors of what a process stands on, by type: asyncpg's have no SQLSTATE where the connection is gone."""
_OUTSIDE_CLASSES = ("08", "53", "57", "58")
_FAILURES = {
    "task failed": "the task {task} ended by",
    "task ended unasked": "the task {task} ended unasked",
    "process failed": "the process ended by",
    "task cancelled": "the task {task} did not end when it was asked to",
    "replay failed": "a replay of {consumer} failed by",
    "call failed": "a call of {method} failed by",
    "Exception in ASGI application\n": "a request at the HTTP door failed by",
}


def failures(logs: Path, inflicted: Inflicted, beginning_anew: Collection[str]) -> Iterator[str]:
    """Name each failure that a process has logged, with the error's type and place.

    ``beginning_anew`` are the processes whose consumer may end by a Conflict: the runner of Faust cannot
    seek, so where another owner has moved a partition it begins anew (ADR 0002).
    """
    for name, said, excused in _judged(logs, inflicted, beginning_anew):
        if not excused:
            yield f"{name}: {_told(said)}"


def excused(logs: Path, inflicted: Inflicted, beginning_anew: Collection[str]) -> int:
    """Return how many failures are told in the logs that :func:`failures` does not name."""
    return sum(each for _, _, each in _judged(logs, inflicted, beginning_anew))


def _judged(
    logs: Path, inflicted: Inflicted, beginning_anew: Collection[str]
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield each failure with the process that tells of it, and whether it may come."""
    for log in sorted(logs.glob("*.log")):
        anew = first_of(log.stem) in beginning_anew
        for said in _failed(log):
            yield log.stem, said, _excused(said, inflicted, anew=anew)


def _failed(log: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines that tell of a failure; what is no JSON is none of ours."""
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if any(json.dumps(event) in line for event in _FAILURES) and line.startswith("{"):
            said = json.loads(line)
            if said["event"] in _FAILURES:
                yield said


def _excused(said: dict[str, Any], inflicted: Inflicted, *, anew: bool) -> bool:
    """Tell whether a failure may come: the end by which Faust begins anew, a start while nothing is there."""
    match said["event"]:
        case "task failed":
            return anew and said["task"] == "consumer" and said["error"][0]["type"] == "Conflict"
        case "process failed" if not _from_outside(said["error"][0]):
            return False
        case "process failed" | "task cancelled":
            return inflicted.down(datetime.fromisoformat(said["timestamp"]))
        case _:
            return False


def _from_outside(error: dict[str, Any]) -> bool:
    """Tell whether an error, as logs describe it, is of what a process stands on, as a connection."""
    return (
        "errno" in error
        or error["type"] in _OUTSIDE
        or str(error.get("sqlstate", "")).startswith(_OUTSIDE_CLASSES)
    )


def _told(said: dict[str, Any]) -> str:
    what = _FAILURES[said["event"]].format_map(said)
    if "error" not in said:
        return what
    first = said["error"][0]
    return " ".join([what, first["type"], *(f"at {place}" for place in first["at"][-1:])])
