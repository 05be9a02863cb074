# SPDX-License-Identifier: Apache-2.0
"""What counts as a failure of a process, and what the proof itself has done to it."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.prove.endings import Ending, last_event, unexplained
from tests.prove.failures import failures
from tests.prove.inflicted import Inflicted

CONSUMER, RELAY = "records-consume", "records-relay"
NOW = datetime.now(UTC)


def said(event: str, kind: str = "AssertionError", at: datetime = NOW, **more: str) -> dict[str, Any]:
    """Return a line of a log that tells of an error."""
    places = [{"type": kind, "at": ["a:1 run", "b:2 f"]}]
    return {"event": event, "timestamp": at.isoformat(), "error": places, **more}


def log_of(folder: Path, process: str, *lines: dict[str, Any]) -> None:
    """Write what a process has said, behind a line of something else."""
    text = "\n".join(["no JSON", *map(json.dumps, lines)])
    (folder / f"{process}.log").write_text(text, encoding="utf-8")


def test_every_failure_that_a_log_tells_is_named(tmp_path: Path) -> None:
    log_of(
        tmp_path,
        CONSUMER,
        said("task failed", task="consumer"),
        {"event": "task ended unasked", "task": "replays"},
        said("process failed", "OSError"),
        said("replay failed", consumer="records"),
        {"event": "stopped", "code": 1},
    )
    assert list(failures(tmp_path, Inflicted(), ())) == [
        f"{CONSUMER}: the task consumer ended by AssertionError at b:2 f",
        f"{CONSUMER}: the task replays ended unasked",
        f"{CONSUMER}: the process ended by OSError at b:2 f",
        f"{CONSUMER}: a replay of records failed by AssertionError at b:2 f",
    ]


def test_a_conflict_is_excused_only_where_a_consumer_begins_anew(tmp_path: Path) -> None:
    conflict = said("task failed", "Conflict", task="consumer")
    log_of(tmp_path, CONSUMER, conflict, said("task failed", "Conflict", task="replays"))
    log_of(tmp_path, f"{CONSUMER}-second", conflict)
    log_of(tmp_path, RELAY, said("task failed", "Conflict", task="relay"))
    assert len(list(failures(tmp_path, Inflicted(), ()))) == 4
    assert list(failures(tmp_path, Inflicted(), {CONSUMER})) == [
        f"{CONSUMER}: the task replays ended by Conflict at b:2 f",
        f"{RELAY}: the task relay ended by Conflict at b:2 f",
    ]


def test_a_start_that_fails_is_excused_only_while_something_is_down(tmp_path: Path) -> None:
    inflicted = Inflicted()
    with inflicted.outage():
        within = datetime.now(UTC)
    log_of(tmp_path, RELAY, said("process failed", at=within), said("task failed", at=within, task="relay"))
    assert len(list(failures(tmp_path, inflicted, ()))) == 1
    log_of(tmp_path, RELAY, said("process failed", at=within + timedelta(minutes=1)))
    assert len(list(failures(tmp_path, inflicted, ()))) == 1


@pytest.mark.parametrize(
    ("code", "last", "what"),
    [
        (-signal.SIGKILL, "", "SIGKILL"),
        (-signal.SIGSEGV, "", "SIGSEGV"),
        (1, "stopping", "exit code 1"),
        (os.EX_CONFIG, "", "exit code 78"),
        (0, "stopped", "exit code 0"),
    ],
)
def test_a_process_that_ends_and_nobody_inflicted_it_is_named(code: int, last: str, what: str) -> None:
    (found,) = unexplained([Ending(RELAY, 7, code, last)], Inflicted(), {})
    assert found.startswith(f"{RELAY}: ended unasked with {what}, last said:")


def test_what_is_inflicted_is_no_finding_and_no_more_than_that_is_excused() -> None:
    killed, asked = Inflicted(killed={7}), Inflicted(asked_to_end={7})
    slain, ended = Ending(RELAY, 7, -signal.SIGKILL, "sent"), Ending(RELAY, 7, 0, "stopped")
    assert list(unexplained([slain], killed, {})) == []
    assert list(unexplained([slain], Inflicted(), {RELAY: 1})) == []
    assert len(list(unexplained([slain, slain], Inflicted(), {RELAY: 1}))) == 1
    assert len(list(unexplained([slain], Inflicted(), {CONSUMER: 1}))) == 1
    assert list(unexplained([ended, Ending(RELAY, 7, -signal.SIGTERM, "")], asked, {})) == []
    assert len(list(unexplained([slain, Ending(RELAY, 7, 1, "stopping")], asked, {}))) == 2
    assert list(unexplained([Ending(RELAY, 8, 1, "stopped")], Inflicted(), {})) == []


def test_processes_that_are_ended_on_purpose_are_noted() -> None:
    inflicted = Inflicted()
    sleeping = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) for _ in range(2)]
    inflicted.kill(psutil.Process(sleeping[0].pid))
    inflicted.ask_to_end(psutil.Process(sleeping[1].pid))
    assert [each.wait(10) for each in sleeping] == [-signal.SIGKILL, -signal.SIGTERM]
    assert (inflicted.killed, inflicted.asked_to_end) == ({sleeping[0].pid}, {sleeping[1].pid})


def test_the_last_event_of_a_log_is_found_behind_what_is_none(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text('{"event": "stopping"}\n{"event": "stopped"}\nno JSON\n', encoding="utf-8")
    assert last_event(log) == "stopped"
    log.write_text("", encoding="utf-8")
    assert last_event(log) == ""
