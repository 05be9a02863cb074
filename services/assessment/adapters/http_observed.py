# SPDX-License-Identifier: Apache-2.0
"""Around every request at the door: a span in the caller's trace, and what is measured of it.

FastAPI's own telemetry would tell path, query and address, which are the sender's; here nothing is told of a
request but its method, its route and how it ended.
"""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from opentelemetry.trace import SpanKind

from chassis import metrics, tracing
from chassis.metric_catalogue import HTTP_ACTIVE, HTTP_DURATION

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# What a caller chose is no label.
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_OTHER = "_OTHER"


class Observed:
    """Wraps an application (ASGI 3)."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and measure how it ended; 499 stands for a caller that has gone before."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
        status, began = 499, time.perf_counter()

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        metrics.shift(HTTP_ACTIVE, 1)
        try:
            origin = tracing.extract(_traceparent(scope))
            with tracing.tracer.start_as_current_span(
                method, origin, SpanKind.SERVER, record_exception=False
            ) as span:
                await self._application(scope, receive, sent)
                span.update_name(f"{method} {_route(scope)}")
                span.set_attribute("http.response.status_code", status)
        except Exception:
            status = 500
            raise
        finally:
            metrics.shift(HTTP_ACTIVE, -1)
            metrics.record(HTTP_DURATION, time.perf_counter() - began, method, _route(scope), str(status))


def _route(scope: Scope) -> str:
    path: str = getattr(scope.get("route"), "path", _OTHER)
    return path


def _traceparent(scope: Scope) -> str | None:
    sent = [value for name, value in scope["headers"] if name == b"traceparent"]
    return sent[0].decode("latin-1") if len(sent) == 1 else None
