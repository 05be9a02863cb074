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
from tests.prove.failures import excused, failures
from tests.prove.inflicted import Inflicted

CONSUMER, RELAY = "records-consume", "records-relay"
NOW = datetime.now(UTC)


def said(event: str, kind: str = "AssertionError", at: datetime = NOW, **more: str) -> dict[str, Any]:
    """Return a line of a log that tells of an error."""
    return {"event": event, "timestamp": at.isoformat(), "error": [error(kind)], **more}


def error(kind: str, **known: object) -> dict[str, object]:
    """Return an error as a line of a log describes it."""
    return {"type": kind, **known, "at": ["a:1 run", "b:2 f"]}


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
        {"event": "task cancelled", "task": "replays", "timestamp": NOW.isoformat()},
        said("process failed", "OSError"),
        said("replay failed", consumer="records"),
        said("call failed", method="/cairn.records.v1.RecordService/GetEntry"),
        said("Exception in ASGI application\n"),
        {"event": "stopped", "code": 1},
    )
    assert list(failures(tmp_path, Inflicted(), ())) == [
        f"{CONSUMER}: the task consumer ended by AssertionError at b:2 f",
        f"{CONSUMER}: the task replays ended unasked",
        f"{CONSUMER}: the task replays did not end when it was asked to",
        f"{CONSUMER}: the process ended by OSError at b:2 f",
        f"{CONSUMER}: a replay of records failed by AssertionError at b:2 f",
        f"{CONSUMER}: a call of /cairn.records.v1.RecordService/GetEntry failed by AssertionError at b:2 f",
        f"{CONSUMER}: a request at the HTTP door failed by AssertionError at b:2 f",
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
    start, task = (
        said(event, "KafkaError", within, task="relay") for event in ("process failed", "task failed")
    )
    log_of(tmp_path, RELAY, start, task)
    assert len(list(failures(tmp_path, inflicted, ()))) == 1
    assert excused(tmp_path, inflicted, ()) == 1
    log_of(tmp_path, RELAY, said("process failed", "KafkaError", within + timedelta(minutes=1)))
    assert len(list(failures(tmp_path, inflicted, ()))) == 1
    assert excused(tmp_path, inflicted, ()) == 0


@pytest.mark.parametrize(
    ("told", "outside"),
    [
        (error("ConnectionRefusedError", errno=111), True),
        (error("KafkaConnectionError"), True),
        (error("Retry", reason="the broker is away"), True),
        (error("CannotConnectNowError", sqlstate="57P03"), True),
        (error("DiskFullError", sqlstate="53100"), True),
        (error("InterfaceError"), True),
        (error("UndefinedColumnError", sqlstate="42703"), False),
        (error("KeyError"), False),
        (error("Bug", reason="cannot be"), False),
    ],
)
def test_a_start_may_fail_only_by_what_is_down(
    tmp_path: Path, told: dict[str, object], *, outside: bool
) -> None:
    inflicted = Inflicted()
    with inflicted.outage():
        within = datetime.now(UTC)
    log_of(tmp_path, RELAY, {"event": "process failed", "timestamp": within.isoformat(), "error": [told]})
    assert len(list(failures(tmp_path, inflicted, ()))) == (not outside)


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
    (found,) = unexplained([Ending(RELAY, 7, code, last, NOW)], Inflicted(), {})
    assert found.startswith(f"{RELAY}: ended unasked with {what}, last said:")


def ended(code: int, last: str = "", *, at: datetime = NOW, stopped: bool = False) -> Ending:
    return Ending(RELAY, 7, code, last, at, stopped)


def test_what_is_inflicted_is_no_finding_and_no_more_than_that_is_excused() -> None:
    killed, slain = Inflicted(killed={7}), ended(-signal.SIGKILL, "sent")
    assert list(unexplained([slain], killed, {})) == []
    assert list(unexplained([slain], Inflicted(), {RELAY: 1})) == []
    assert len(list(unexplained([slain, slain], Inflicted(), {RELAY: 1}))) == 1
    assert len(list(unexplained([slain], Inflicted(), {CONSUMER: 1}))) == 1
    assert list(unexplained([ended(1, "stopped")], Inflicted(), {})) == []


@pytest.mark.parametrize("stopped", [True, False])
def test_who_is_asked_to_end_ends_in_order(*, stopped: bool) -> None:
    asked = Inflicted() if stopped else Inflicted(asked_to_end={7})

    def found(code: int, last: str = "", at: datetime = NOW) -> int:
        return len(list(unexplained([ended(code, last, at=at, stopped=stopped)], asked, {})))

    assert [found(0, "stopped"), found(1, "stopped"), found(-signal.SIGTERM)] == [0, 0, 0]
    assert [found(-signal.SIGTERM, "serving"), found(-signal.SIGKILL, "stopping")] == [1, 1]
    assert [found(1, "stopping"), found(-signal.SIGSEGV, "stopped")] == [1, 1]
    with asked.outage():
        within = datetime.now(UTC)
    assert [found(1, "stopping", within), found(-signal.SIGKILL, "stopping", within)] == [0, 1]


def test_processes_that_are_ended_on_purpose_are_noted() -> None:
    inflicted = Inflicted()
    sleeping = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) for _ in range(2)]
    inflicted.kill(psutil.Process(sleeping[0].pid))
    inflicted.ask_to_end(psutil.Process(sleeping[1].pid))
    assert [each.wait(10) for each in sleeping] == [-signal.SIGKILL, -signal.SIGTERM]
    assert (inflicted.killed, inflicted.asked_to_end) == ({sleeping[0].pid}, {sleeping[1].pid})


def test_the_last_event_of_a_log_is_found_behind_what_is_none(tmp_path: Path) -> None:
    log = tmp_path / "log"
    before = '{"event": "stopping"}\n{"event": "stopped"}\nno JSON\n'
    log.write_text(before, encoding="utf-8")
    assert last_event(log, 0) == "stopped"
    assert last_event(log, len(before)) == "", "what a life before has said is not its own"
    log.write_text(before + "Traceback", encoding="utf-8")
    assert last_event(log, len(before)) == ""
