# SPDX-License-Identifier: Apache-2.0
"""A process tells the truth about itself while it lives, and stops in order within 10 s."""

import asyncio
import json
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process

import aiohttp
import pytest

PROGRAM = """
import asyncio, sys, time
from chassis import lifecycle
from chassis.settings import ServiceSettings, load

async def orderly(stop):
    await stop.wait()

async def deaf(stop):
    await asyncio.sleep(3600)

async def stubborn(stop):
    await stop.wait()
    time.sleep(3600)

async def failing(stop):
    raise ValueError("Ada Lovelace")

async def ending(stop):
    return

async def assemble(process):
    for name in sys.argv[1:]:
        process.add(name, globals()[name])
    process.health.met("assembled")

sys.exit(lifecycle.run("records", "test", load(ServiceSettings), assemble))
"""
ENVIRONMENT = {
    "DATABASE_URL": "postgresql://role@localhost/name",
    "KAFKA_BOOTSTRAP_SERVERS": "localhost:9092",
    "PATH": "",
}


async def _start(*tasks: str) -> tuple[Process, int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, *tasks, stderr=PIPE, env=ENVIRONMENT
    )
    assert process.stderr is not None
    line = json.loads(await process.stderr.readline())
    assert line["event"] == "health"
    return process, line["port"]


async def _ended(process: Process) -> tuple[int, float, list[dict[str, object]]]:
    began = time.monotonic()
    _, lines = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode is not None
    return process.returncode, time.monotonic() - began, [json.loads(line) for line in lines.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_asked_to_stop_it_stops_in_order(number: signal.Signals) -> None:
    process, port = await _start("orderly")
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        async with client.get("/livez") as answer:
            assert answer.status == 200
        async with client.get("/readyz") as answer:
            assert answer.status == 200
            assert await answer.json() == {"ready": True, "conditions": {"assembled": {"holds": True}}}
    process.send_signal(number)
    code, seconds, _ = await _ended(process)

    assert code == 0
    assert seconds < 2


async def test_a_task_that_does_not_listen_is_cancelled_within_the_limit() -> None:
    process, _ = await _start("orderly", "deaf")
    process.terminate()
    code, seconds, lines = await _ended(process)

    assert code == 1
    assert seconds < 10
    assert {"event": "task cancelled", "task": "deaf"}.items() <= next(
        line for line in lines if line["event"] == "task cancelled"
    ).items()


async def test_a_task_that_blocks_the_loop_is_ended_by_force_within_the_limit() -> None:
    process, _ = await _start("stubborn")
    process.terminate()
    code, seconds, _ = await _ended(process)

    assert code == 1
    assert seconds < 10


async def test_an_unexpected_error_ends_the_process_with_a_line() -> None:
    process, _ = await _start("orderly", "failing")
    code, seconds, lines = await _ended(process)

    assert code == 1
    assert seconds < 2
    failed = next(line for line in lines if line["event"] == "task failed")
    assert failed["task"] == "failing"
    assert "task ended unasked" not in {line["event"] for line in lines}
    assert "Ada Lovelace" not in json.dumps(lines)


async def test_a_task_that_ends_unasked_ends_the_process() -> None:
    process, _ = await _start("orderly", "ending")
    code, _, lines = await _ended(process)

    assert code == 1
    assert "task ended unasked" in {line["event"] for line in lines}
