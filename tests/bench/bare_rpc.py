# SPDX-License-Identifier: Apache-2.0
"""The bare server that reading a record is compared with: grpcio, the same settings, an empty answer.

It is a process of its own under the same event loop as Cairn's, and does nothing that Cairn is for:
no authority, no trace, no disclosure, no record. It says its port on standard output. With a file it
answers what is in there, and with three more, its certificate, key and whom it believes, over mutual TLS.

    python -m tests.bench.bare_rpc [--answer FILE] [--tls CERTIFICATE KEY TRUST]
"""

import argparse
import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import uvloop

from cairn.records.v1 import record_service_pb2 as messages
from chassis.rpc.server import OPTIONS
from deploy.local.ports import LOOPBACK
from deploy.local.stack import ROOT

_METHOD = messages.DESCRIPTOR.services_by_name["RecordService"].methods_by_name["GetLearnerRecord"]


async def _serve(answer: bytes, tls: Sequence[Path]) -> None:
    async def tell(_request: messages.GetLearnerRecordRequest, _context: Any) -> bytes:
        return answer

    read = messages.GetLearnerRecordRequest.FromString
    handler = grpc.unary_unary_rpc_method_handler(tell, request_deserializer=read, response_serializer=bytes)
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(_METHOD.containing_service.full_name, {_METHOD.name: handler})]
    )
    port = _bind(server, tls)
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


def _bind(server: grpc.aio.Server, tls: Sequence[Path]) -> int:
    address = f"{LOOPBACK}:0"
    if not tls:
        return server.add_insecure_port(address)
    certificate, key, trust = (path.read_bytes() for path in tls)
    shown = grpc.ssl_server_credentials([(key, certificate)], trust, require_client_auth=True)
    return server.add_secure_port(address, shown)


@asynccontextmanager
async def bare_server(
    answer: Path | None = None, tls: tuple[Path, Path, Path] | None = None
) -> AsyncIterator[str]:
    """Run the server while the block lasts, and give its address; ``answer`` holds what it answers."""
    given = [*(() if answer is None else ("--answer", answer)), *(() if tls is None else ("--tls", *tls))]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.bare_rpc", *map(str, given)), cwd=ROOT, stdout=PIPE
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
    parser = argparse.ArgumentParser()
    parser.add_argument("--answer", type=Path)
    parser.add_argument("--tls", type=Path, nargs=3, default=())
    asked = parser.parse_args()
    uvloop.run(_serve(b"" if asked.answer is None else asked.answer.read_bytes(), asked.tls))
