# SPDX-License-Identifier: Apache-2.0
"""The HTTP server of the door: over TLS, behind an ingress that ends TLS, or on loopback only."""

import asyncio
import socket
from contextlib import suppress

import structlog
import uvicorn

from chassis.errors import Retry
from chassis.health import Health
from services.assessment.adapters.http_listening import HttpListening
from services.assessment.adapters.http_observed import Application
from services.assessment.adapters.http_protocol import BoundedProtocol

_GRACE_SECONDS = 5
_LOOK_SECONDS = 0.05
log = structlog.get_logger()


class _Server(uvicorn.Server):
    """The process has its own handlers of signals, which uvicorn would replace."""

    def install_signal_handlers(self) -> None:
        """Leave signals to the process."""


class HttpServer:
    """Serves an application; asked to stop, it answers what is in flight first."""

    def __init__(self, application: Application, listening: HttpListening, port: int, health: Health) -> None:
        """Bind, to a free port where ``port`` is 0; raise Retry where it is taken."""
        host = listening.host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
            # From here on a connection waits to be served; a port that is ready must not refuse one.
            self._socket.listen()
        except OSError as error:
            self._socket.close()
            message = f"the port {port} cannot be bound on {host}"
            raise Retry(message) from error
        self.port: int = self._socket.getsockname()[1]
        tls = listening.tls
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            http=BoundedProtocol,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            ssl_context_factory=None if tls is None else lambda *_: tls,
        )
        self._server = _Server(config)
        self._health = health
        health.expect("http")

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until asked to stop."""
        serving = asyncio.create_task(self._server._serve([self._socket]))  # noqa: SLF001 - see below
        # `serve` catches signals by itself (uvicorn.Server.capture_signals); `_serve` leaves them alone.
        log.info("serving", port=self.port)
        self._health.met("http")
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        self._server.should_exit = True
        await serving
        stopping.cancel()
        with suppress(asyncio.CancelledError):
            await stopping
