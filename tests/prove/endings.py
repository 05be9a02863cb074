# SPDX-License-Identifier: Apache-2.0
"""How the processes of a run ended, and which of the endings nobody inflicted and no log explains."""

import json
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.prove.inflicted import Inflicted

_STOPPED = "stopped"
_TAIL = 16 * 1024


@dataclass(frozen=True, slots=True)
class Ending:
    """One process that ended, with its exit code; ``said`` is the last event of its log."""

    process: str
    pid: int
    code: int
    said: str


def last_event(log: Path) -> str:
    """Return the last event that a process has logged, or nothing where it said none."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        lines = file.read().decode(errors="replace").splitlines()
    for line in reversed(lines):
        if line.startswith("{") and line.endswith("}"):
            return str(json.loads(line).get("event", ""))
    return ""


def unexplained(endings: Iterable[Ending], inflicted: Inflicted, deaths: Mapping[str, int]) -> Iterator[str]:
    """Name each process that ended unasked; ``deaths`` counts those at crash points, by process.

    One that ended in order by an error has said in its log by which, and is named by that.
    """
    left = Counter(deaths)
    for each in endings:
        if each.code == -signal.SIGKILL and each.pid in inflicted.killed:
            continue
        if each.code == -signal.SIGKILL and left[each.process]:
            left[each.process] -= 1
            continue
        asked = each.pid in inflicted.asked_to_end
        if not (_in_order(each, asked=asked) or (asked and each.code == -signal.SIGTERM)):
            said = each.said or "nothing"
            yield f"{each.process}: ended unasked with {_named(each.code)}, last said: {said}"


def _in_order(ending: Ending, *, asked: bool) -> bool:
    return ending.said == _STOPPED and (asked or ending.code > 0)


def _named(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
