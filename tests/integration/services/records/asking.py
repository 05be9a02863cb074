# SPDX-License-Identifier: Apache-2.0
"""Asks a records server over gRPC, as a partner would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cairn.records.v1.record_service_pb2_grpc import RecordServiceStub
from services.records.settings import ServeSettings

if TYPE_CHECKING:
    from cairn.records.v1.record_service_pb2_grpc import RecordServiceAsyncStub

SECRET = "s" * 32


@asynccontextmanager
async def asking(port: int) -> AsyncIterator["RecordServiceAsyncStub"]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield RecordServiceStub(channel)


def settings(database_url: str) -> ServeSettings:
    """Return the settings of a server on a free port."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "kafka_bootstrap_servers": "127.0.0.1:9",
        "records_grpc_port": 0,
        "records_page_token_secret": SECRET,
    }
    return ServeSettings(**values)


@dataclass(frozen=True, slots=True)
class Refused:
    """What a refused call says: its code, the reason of its ErrorInfo, and the fields at fault."""

    code: grpc.StatusCode
    reason: str
    fields: tuple[str, ...]


def refused(error: grpc.aio.AioRpcError) -> Refused:
    """Read the rich status of a refused call."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # it reads what both kinds of call have
    assert status is not None
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        for wanted in (info, bad):
            if detail.Is(wanted.DESCRIPTOR):
                detail.Unpack(wanted)
    assert info.domain == "cairn.dev"
    return Refused(error.code(), info.reason, tuple(each.field for each in bad.field_violations))
