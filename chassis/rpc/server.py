# SPDX-License-Identifier: Apache-2.0
"""A gRPC server with health and reflection: over mutual TLS, or on loopback only.

The health service answers with the readiness of the process, for every service by name. Asked to
stop, it first says NOT_SERVING and then lets the calls in flight end (interop D.3).
"""

import asyncio
from collections.abc import Iterable

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import OVERALL_HEALTH
from grpc_health.v1.health import aio as grpc_health
from grpc_reflection.v1alpha import reflection

from chassis.errors import Retry
from chassis.health import Health
from chassis.rpc.edge import Edge
from chassis.rpc.listening import LOOPBACK, Listening
from chassis.waiting import within

# Less than the grace that the supervisor gives a task.
_GRACE_SECONDS = 5.0
_LOOK_SECONDS = 0.1
_LARGEST_REQUEST = 4 * 1024 * 1024
# What a caller sends beyond that on one connection waits on its own side (RFC 9113, 5.1.2).
_MOST_AT_ONCE = 1000
# Of more than 1,000 calls that are not taken up yet gRPC would end some with CANCELLED, whosever they are.
_MOST_WAITING, _NEVER_MORE = 10_000, 20_000
OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", _LARGEST_REQUEST),
    ("grpc.max_concurrent_streams", _MOST_AT_ONCE),
    ("grpc.server.max_pending_requests", _MOST_WAITING),
    ("grpc.server.max_pending_requests_hard_limit", _NEVER_MORE),
)

log = structlog.get_logger()


class RpcServer:
    """One server; ``services`` are the full names of what is registered on ``server``."""

    def __init__(
        self,
        services: Iterable[str],
        port: int,
        health: Health,
        *,
        listening: Listening = LOOPBACK,
        reflected: bool = True,
    ) -> None:
        """Bind, to a free port where ``port`` is 0; raise Retry where that is not possible."""
        self._edge = Edge()
        self._names = tuple(services)
        self._health = health
        self._statuses = grpc_health.HealthServicer()
        self.server = grpc.aio.server(interceptors=[self._edge], options=OPTIONS)
        health_pb2_grpc.add_HealthServicer_to_server(self._statuses, self.server)
        if reflected:
            health_name = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
            names = (*self._names, health_name, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self.server)
        address = f"{_bracketed(listening.host)}:{port}"
        try:
            self.port = self._bind(address, listening)
        except RuntimeError as error:
            message = f"{address} cannot be bound"
            raise Retry(message) from error
        health.expect("grpc")

    def _bind(self, address: str, listening: Listening) -> int:
        if listening.tls is None:
            return self.server.add_insecure_port(address)
        return self.server.add_secure_port(address, listening.tls.credentials())

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until asked to stop."""
        await self.server.start()
        self._health.met("grpc")
        log.info("serving", port=self.port)
        while not stop.is_set():
            await self._tell(ready=self._health.ready)
            await within(_LOOK_SECONDS, stop)
        await self._statuses.enter_graceful_shutdown()
        await asyncio.sleep(_LOOK_SECONDS)  # whoever watches our health hears it before the watch ends
        self._edge.end_streams()
        await self.server.stop(_GRACE_SECONDS)

    async def _tell(self, *, ready: bool) -> None:
        answer = health_pb2.HealthCheckResponse
        status = answer.SERVING if ready else answer.NOT_SERVING
        for name in (OVERALL_HEALTH, *self._names):
            await self._statuses.set(name, status)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
