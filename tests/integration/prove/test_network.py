# SPDX-License-Identifier: Apache-2.0
"""A process in a network of its own: it works, is cut off without being told, and works again."""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import ports
from deploy.local.logtail import ServerFailedError
from deploy.local.processes import Processes, Service
from tests.prove import network
from tests.prove.network import Apart

TOPIC = "prove.network"
CUT_SECONDS = 2.5
BACK_SECONDS = 20.0

# Answers each line that it reads once database and broker have answered; a new session is for the asking.
CLIENT = f"""
import asyncio, sys
import asyncpg
from aiokafka import AIOKafkaProducer

async def main(dsn, bootstrap):
    database = await asyncpg.connect(dsn)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        try:
            if line == "connect":
                await asyncpg.connect(dsn, timeout=1)
            else:
                await asyncio.gather(
                    database.fetchval("select 1"), producer.send_and_wait("{TOPIC}", line.encode())
                )
            print(line, flush=True)
        except Exception as error:
            print(type(error).__name__, flush=True)
    await producer.stop()

asyncio.run(main(*sys.argv[1:]))
"""

PROGRAM = """
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass

HTTPServer(("127.0.0.1", int(os.environ["HEALTH_PORT"])), Answer).serve_forever()
"""


@pytest.fixture(autouse=True, scope="module")
def allowed() -> None:
    if (reason := network.possible()) is not None:
        pytest.skip(reason)


@pytest.fixture
async def topic(broker: str) -> AsyncIterator[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, 1, 1)])
        yield broker
        await admin.delete_topics([TOPIC])
    finally:
        await admin.close()


@asynccontextmanager
async def client(apart: Apart, dsn: str, bootstrap: str) -> AsyncIterator[Process]:
    command = (*apart.command_prefix(), sys.executable, "-c", CLIENT, apart.database_url(dsn), bootstrap)
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def ask(process: Process, what: str, within: float = BACK_SECONDS) -> str:
    assert process.stdin is not None
    process.stdin.write(f"{what}\n".encode())
    return await answer(process, within)


async def answer(process: Process, within: float) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(within):
        return (await process.stdout.readline()).decode().strip()


async def test_a_client_is_cut_off_in_silence_and_goes_on_when_the_line_is_whole(
    topic: str, postgres: str
) -> None:
    port = int(topic.rpartition(":")[2])
    with Apart("client", outward=[port], database=postgres) as apart:
        async with client(apart, postgres, topic) as inside:
            assert await ask(inside, "first") == "first"
            apart.cut()
            with pytest.raises(TimeoutError):
                await ask(inside, "second", CUT_SECONDS)
            apart.heal()
            # Neither connection was lost: what was asked while the line was cut is answered.
            assert await answer(inside, BACK_SECONDS) == "second"
            apart.cut()
            asked = time.monotonic()
            assert await ask(inside, "connect") == "TimeoutError"
            assert time.monotonic() - asked > 0.9
            apart.heal()
            assert await ask(inside, "connect") == "connect"
            assert await ask(inside, "third") == "third"


async def test_a_session_whose_process_died_while_cut_off_lasts_until_the_line_is_whole(
    topic: str, postgres: str
) -> None:
    port = int(topic.rpartition(":")[2])
    outside = await asyncpg.connect(postgres)
    sessions = "select count(*) from pg_stat_activity where query = 'select 1' and state = 'idle'"
    try:
        before = await outside.fetchval(sessions)
        with Apart("client", outward=[port], database=postgres) as apart:
            async with client(apart, postgres, topic) as inside:
                assert await ask(inside, "first") == "first"
                apart.cut()
            await asyncio.sleep(0.5)
            assert await outside.fetchval(sessions) == before + 1
            apart.heal()
            async with asyncio.timeout(BACK_SECONDS):
                while await outside.fetchval(sessions) != before:  # noqa: ASYNC110 - the server must be asked
                    await asyncio.sleep(0.05)
    finally:
        await outside.close()


async def test_a_process_of_the_system_is_asked_from_outside_whether_it_is_ready(
    tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    port = ports.choose(tmp_path / "ports.json", {"health": 0})["health"]
    processes = Processes(tmp_path / "run", tmp_path)
    service = Service(
        name="inside", command=("program",), health_port=port, environment={"DATABASE_URL": postgres}
    )
    with Apart("process", outward=(), inward=[port], database=postgres) as apart:
        processes.start([apart.moved(service)])
        try:
            await processes.ready()
            apart.cut()
            monkeypatch.setattr("deploy.local.processes.READY_SECONDS", 0.0)
            with pytest.raises(ServerFailedError, match="no answer"):
                await processes.ready()
            apart.heal()
            await processes.ready()
            processes.kill("inside")
            processes.start([apart.moved(service)])
        finally:
            assert processes.stop() == []
    assert ports.is_free(port)


async def test_nothing_is_left_of_it() -> None:
    async def said(*command: str) -> str:
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
        return (await process.communicate())[0].decode()

    with Apart("left over", outward=()) as apart:
        name = apart.command_prefix()[-1]
        assert name in await said("ip", "netns", "list")
        assert name.removeprefix("cairn-") in await said("ip", "link")
        with Apart("left over", outward=()):  # as after a run that was killed
            pass
    assert name not in await said("ip", "netns", "list")
    assert name.removeprefix("cairn-") not in await said("ip", "link")
