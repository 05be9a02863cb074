# SPDX-License-Identifier: Apache-2.0
"""One gRPC channel to a service, and one way to call over it.

gRPC itself repeats a call that was answered UNAVAILABLE: every method but one only reads, carries a request
id or comes to the same when repeated, so that it does nothing twice. A credential would be issued twice.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.type import date_pb2

from cairn.client.errors import error_of
from cairn.client.tls import Tls

_RETRIES = {
    "maxAttempts": 4,
    "initialBackoff": "0.2s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_ONCE = {"service": "cairn.assessment.v1.SourceService", "method": "IssueCredential"}
_SERVICE_CONFIG = json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": _RETRIES}, {"name": [_ONCE]}]})
_OPTIONS = [
    ("grpc.service_config", _SERVICE_CONFIG),
    # Notices a dead connection under a watch that has nothing to send.
    ("grpc.keepalive_time_ms", 60_000),
]
_DEADLINE_SECONDS = 60.0

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


@asynccontextmanager
async def open_channel(address: str, tls: Tls | None = None) -> AsyncIterator[grpc.aio.Channel]:
    """Open a channel to ``host:port``; without ``tls`` in the clear, answered on loopback only."""
    async with _channel(address, tls) as channel:
        yield channel


def _channel(address: str, tls: Tls | None) -> grpc.aio.Channel:
    if tls is None:
        return grpc.aio.insecure_channel(address, options=_OPTIONS)
    return grpc.aio.secure_channel(address, tls.credentials, options=_OPTIONS)


async def ask(method: grpc.aio.UnaryUnaryMultiCallable[Q, A], request: Q) -> A:
    """Call a method that answers once; raises CallError."""
    try:
        return await method(request, timeout=_DEADLINE_SECONDS)
    except grpc.aio.AioRpcError as error:
        raise error_of(error) from None


def to_date(day: date) -> date_pb2.Date:
    """Write a day as the contracts do."""
    return date_pb2.Date(year=day.year, month=day.month, day=day.day)


def from_date(day: date_pb2.Date) -> date:
    """Read a day of an answer; raises ValueError for a partial one, which no service of ours sends."""
    return date(day.year, day.month, day.day)
