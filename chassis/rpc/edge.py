# SPDX-License-Identifier: Apache-2.0
"""Around every call: a span in the caller's trace, and a rich status for whatever leaves the method."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import structlog
from grpc_status import rpc_status
from opentelemetry.trace import SpanKind

from chassis import telemetry
from chassis.rpc.status import expected, status_of

Context = grpc.aio.ServicerContext[Any, Any]
Unary = Callable[[Any, Context], Awaitable[Any]]
Streaming = Callable[[Any, Context], AsyncIterator[Any]]
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable["grpc.RpcMethodHandler[Any, Any] | None"]]

log = structlog.get_logger()


class Edge(grpc.aio.ServerInterceptor):
    """Wraps the methods that answer once and those that stream their answer."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or handler.request_streaming:
            return handler
        codec = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(_streaming(method, handler.unary_stream), **codec)
        return grpc.unary_unary_rpc_method_handler(_unary(method, handler.unary_unary), **codec)


def _unary(method: str, answer: Any) -> Any:
    async def call(request: Any, context: Context) -> Any:
        async with _around(method, context):
            return await answer(request, context)

    return call


def _streaming(method: str, answers: Any) -> Any:
    async def call(request: Any, context: Context) -> AsyncIterator[Any]:
        async with _around(method, context):
            async for answer in answers(request, context):
                yield answer

    return call


@asynccontextmanager
async def _around(method: str, context: Context) -> AsyncIterator[None]:
    metadata = {str(name): value for name, value in context.invocation_metadata() or ()}
    parent = metadata.get("traceparent")
    origin = telemetry.extract(parent if isinstance(parent, str) else None)
    with telemetry.tracer.start_as_current_span(
        method.lstrip("/"), origin, SpanKind.SERVER, record_exception=False
    ):
        try:
            yield
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            status = status_of(error)
            if not expected(status):
                log.exception("call failed", method=method)
            await context.abort_with_status(rpc_status.to_status(status))
