# SPDX-License-Identifier: Apache-2.0
"""A remembered process is recognised only while it is that very process."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local.running import Running, stop_all

SLEEP = "import time; time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); {SLEEP}"


@pytest.fixture
def child(request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        [sys.executable, "-c", getattr(request, "param", SLEEP)], stdout=subprocess.PIPE
    ) as process:
        yield process
        process.kill()


def test_it_is_found_again_from_its_file(child: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    running = Running.of(child.pid, "time.sleep", {"broker": 9092})
    running.remember(tmp_path / "state" / "running.json")
    again = Running.read(tmp_path / "state" / "running.json")
    assert again == running
    assert again.alive


def test_another_start_time_is_another_process(child: "subprocess.Popen[bytes]") -> None:
    running = Running.of(child.pid, "time.sleep")
    assert not replace(running, started=running.started - 60).alive


def test_another_command_is_another_process(child: "subprocess.Popen[bytes]") -> None:
    running = Running.of(child.pid, "time.sleep")
    assert not replace(running, marker="server.properties").alive


def test_a_dead_process_nobody_has_collected_is_dead(child: "subprocess.Popen[bytes]") -> None:
    running = Running.of(child.pid, "time.sleep")
    assert stop_all([running], grace=5) == []
    assert not running.alive


@pytest.mark.parametrize("child", [DEAF], indirect=True)
def test_what_ignores_the_request_is_killed(child: "subprocess.Popen[bytes]") -> None:
    assert child.stdout is not None
    child.stdout.readline()
    running = Running.of(child.pid, "time.sleep")
    assert stop_all([running], grace=0.3) == [running]
    assert not running.alive


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_damaged_file_remembers_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "running.json"
    path.write_text(text, encoding="utf-8")
    assert Running.read(path) is None


def test_a_missing_file_remembers_nothing(tmp_path: Path) -> None:
    assert Running.read(tmp_path / "running.json") is None
