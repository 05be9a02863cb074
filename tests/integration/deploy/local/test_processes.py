# SPDX-License-Identifier: Apache-2.0
"""Processes that become ready, that die, that will not stop, and that a killed run left behind."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import ports
from deploy.local.logtail import ServerFailedError
from deploy.local.processes import Processes, Service, watched
from deploy.local.running import Running

PROGRAM = """
import os, signal, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass

if sys.argv[1] == "dies":
    sys.exit("cannot: " + os.environ["WHY"])
if sys.argv[1] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
HTTPServer(("127.0.0.1", int(os.environ["HEALTH_PORT"])), Answer).serve_forever()
"""


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    processes = Processes(tmp_path / "run", tmp_path)
    yield processes
    processes.stop()


def service(folder: Path, manner: str) -> Service:
    port = ports.choose(folder / "ports.json", {manner: 0})[manner]
    return Service(
        name=manner, command=("program", manner), health_port=port, environment={"WHY": "no reason"}
    )


def remembered(folder: Path, name: str) -> Running:
    running = Running.read(folder / "run" / "processes" / f"{name}.json")
    assert running is not None
    return running


async def test_ready_once_it_says_so_and_stopped_when_asked(processes: Processes, tmp_path: Path) -> None:
    processes.start([service(tmp_path, "well")])
    await processes.ready()
    assert remembered(tmp_path, "well").alive
    assert processes.stop() == []
    assert not remembered(tmp_path, "well").alive


async def test_a_process_that_ends_is_named_with_its_log(processes: Processes, tmp_path: Path) -> None:
    processes.start([service(tmp_path, "well"), service(tmp_path, "dies")])
    with pytest.raises(ServerFailedError, match=r"(?s)dies \(exit code 1\).*cannot: no reason"):
        await processes.ready()


async def test_what_runs_beside_the_watch_ends_with_the_process(processes: Processes, tmp_path: Path) -> None:
    processes.start([service(tmp_path, "well")])
    await processes.ready()
    process = remembered(tmp_path, "well").process()
    assert process is not None

    async def work() -> None:
        async with watched(processes):
            process.kill()
            await asyncio.sleep(30)

    with pytest.raises(ServerFailedError, match="well"):
        await work()
    await asyncio.sleep(0)  # a cancellation left over would strike here


async def test_an_error_beside_the_watch_is_its_own(processes: Processes, tmp_path: Path) -> None:
    processes.start([service(tmp_path, "well")])
    with pytest.raises(KeyError):
        async with watched(processes):
            raise KeyError


async def test_what_will_not_stop_is_killed(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.processes.STOP_SECONDS", 0.5)
    processes.start([service(tmp_path, "deaf")])
    await processes.ready()
    assert processes.stop() == ["deaf"]
    assert not remembered(tmp_path, "deaf").alive


async def test_one_is_killed_without_being_asked_and_started_again(
    processes: Processes, tmp_path: Path
) -> None:
    processes.start([service(tmp_path, "deaf"), service(tmp_path, "well")])
    await processes.ready()
    first = processes.running("deaf")
    killed = processes.kill("deaf")
    assert not first.alive
    processes.check()  # its end is no fault
    with pytest.raises(KeyError):
        processes.running("deaf")
    processes.start([killed])
    await processes.ready()
    assert processes.running("deaf").alive
    assert processes.stop(["well"]) == []
    assert processes.running("deaf").alive


async def test_what_a_killed_run_left_behind_is_ended_first(processes: Processes, tmp_path: Path) -> None:
    left = service(tmp_path, "well")
    processes.start([left])
    await processes.ready()
    before = remembered(tmp_path, "well")
    after_kill = Processes(tmp_path / "run", tmp_path)
    after_kill.start([left])
    try:
        await after_kill.ready()
        assert not before.alive
        assert remembered(tmp_path, "well").alive
    finally:
        after_kill.stop()


async def test_the_environment_of_a_process_holds_what_it_is_given_and_no_more(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://admin@/postgres")
    (tmp_path / "shows.py").write_text("import os; print(sorted(os.environ))", encoding="utf-8")
    shows = Service(name="shows", command=("shows",), health_port=1, environment={"WHY": "x"})
    processes.start([shows])
    with pytest.raises(ServerFailedError) as failed:
        await processes.ready()
    assert "'WHY'" in str(failed.value)
    assert "DATABASE_URL" not in str(failed.value)
