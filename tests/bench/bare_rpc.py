# SPDX-License-Identifier: Apache-2.0
"""The bare server that reading a record is compared with: grpcio, the same settings, an empty answer.

It is a process of its own under the same event loop as Cairn's, and does nothing that Cairn is for:
no authority, no trace, no disclosure, no record. It says its port on standard output.

    python -m tests.bench.bare_rpc
"""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import uvloop

from cairn.records.v1 import record_service_pb2 as messages
from cairn.records.v1.record_service_pb2_grpc import (
    RecordServiceServicer,
    add_RecordServiceServicer_to_server,
)
from chassis.rpc.server import OPTIONS
from deploy.local.ports import LOOPBACK
from deploy.local.stack import ROOT


class _Empty(RecordServiceServicer):
    async def GetLearnerRecord(  # noqa: N802 - the contract's name
        self, _request: messages.GetLearnerRecordRequest, _context: Any
    ) -> messages.GetLearnerRecordResponse:
        return messages.GetLearnerRecordResponse()

    GetEntry = ListEntries = WatchEntries = ListDisclosures = None  # type: ignore[assignment]  # nobody asks for them


async def _serve() -> None:
    server = grpc.aio.server(options=OPTIONS)
    add_RecordServiceServicer_to_server(_Empty(), server)
    port = server.add_insecure_port(f"{LOOPBACK}:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


@asynccontextmanager
async def bare_server() -> AsyncIterator[str]:
    """Run the server while the block lasts, and give its address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.bare_rpc"), cwd=ROOT, stdout=PIPE
    )
    if process.stdout is None:
        raise AssertionError("its output was asked for")
    try:
        port = int(await process.stdout.readline())
        yield f"{LOOPBACK}:{port}"
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    uvloop.run(_serve())
