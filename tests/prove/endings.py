# SPDX-License-Identifier: Apache-2.0
"""How the processes of a run ended, and which of the endings nobody inflicted and no log explains."""

import json
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.prove.inflicted import Inflicted

_STOPPED = "stopped"
_TAIL = 16 * 1024


@dataclass(frozen=True, slots=True)
class Ending:
    """One process that ended, with its exit code; ``said`` is the last event of its log.

    ``stopped`` is whether the proof had it stopped, with all the time that an operator would give it.
    """

    process: str
    pid: int
    code: int
    said: str
    at: datetime
    stopped: bool = False


def last_event(log: Path, begins: int) -> str:
    """Return the last event that a process has logged, whose log begins there, or nothing if it said none."""
    with log.open("rb") as file:
        file.seek(max(begins, log.stat().st_size - _TAIL))
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
        asked = each.stopped or each.pid in inflicted.asked_to_end
        if not (_as_asked(each, inflicted) if asked else _by_an_error(each)):
            said, how = each.said or "nothing", "asked to, but" if asked else "unasked"
            yield f"{each.process}: ended {how} with {_named(each.code)}, last said: {said}"


def _as_asked(ending: Ending, inflicted: Inflicted) -> bool:
    """Tell whether a process ended as one must that is asked to; before it listens the signal ends it.

    By which error, or without which task, is told by its log. What it waits for may be down, and then force
    ends it.
    """
    if ending.code < 0:
        return ending.code == -signal.SIGTERM and not ending.said
    return ending.said == _STOPPED or inflicted.down(ending.at)


def _by_an_error(ending: Ending) -> bool:
    return ending.said == _STOPPED and ending.code > 0


def _named(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
