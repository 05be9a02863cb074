# SPDX-License-Identifier: Apache-2.0
"""The processes as they run: started from the environment, wired, ready, and stopped by SIGTERM."""

import asyncio
import json
import os
import signal
import socket
import sys
from base64 import b64encode
from pathlib import Path

import httpx2
import pytest

from cairn.topics.apply import apply
from tests.integration.services.assessment.house import STRUCTURED, House, native

ROOT = Path(__file__).parents[4]


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def _environment(house: House, broker: str, role: str) -> dict[str, str]:
    source = {"name": house.source.name, "tenant": house.tenant}
    return {
        **os.environ,
        "DATABASE_URL": house.dsns[role],
        "KAFKA_BOOTSTRAP_SERVERS": broker,
        "HEALTH_PORT": str(_free_port()),
        "ASSESSMENT_SOURCES": json.dumps([source]),
        "ASSESSMENT_MASTER_KEY": b64encode(b"m" * 32).decode(),
        "CAIRN_IDENTITY_KEY": b64encode(b"i" * 32).decode(),
        "ASSESSMENT_HTTP_PORT": str(_free_port()),
        "ASSESSMENT_GRPC_PORT": "0",
    }


@pytest.mark.parametrize(
    ("arguments", "role"),
    [
        (["serve"], "serve"),
        (["consume", "intake"], "consume"),
        (["consume", "results"], "consume"),
        (["relay"], "relay"),
        (["schedule"], "schedule"),
    ],
)
async def test_a_process_becomes_ready_and_stops_when_asked(
    house: House, broker: str, arguments: list[str], role: str
) -> None:
    await apply(broker, [house.source.name])
    environment = _environment(house, broker, role)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.assessment", *arguments, cwd=ROOT, env=environment
    )
    try:
        async with httpx2.AsyncClient() as client, asyncio.timeout(60):
            await _ready(client, environment["HEALTH_PORT"])
            if role == "serve":
                await _publish(client, house, environment["ASSESSMENT_HTTP_PORT"])
    finally:
        process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(process.wait(), 15)
    assert code == 0


async def _ready(client: httpx2.AsyncClient, port: str) -> None:
    while True:
        try:
            if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        await asyncio.sleep(0.1)


async def _publish(client: httpx2.AsyncClient, house: House, port: str) -> None:
    answer = await client.post(
        f"http://127.0.0.1:{port}{house.path}",
        content=json.dumps(native(1)),
        headers={"content-type": STRUCTURED},
    )
    assert answer.json()["counts"] == {"stored": 1}
