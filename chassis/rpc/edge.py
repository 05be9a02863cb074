# SPDX-License-Identifier: Apache-2.0
"""Around every call: a span in the caller's trace, and a rich status for whatever leaves the method.

Methods that stream their request, as reflection does, pass untouched.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, aclosing, asynccontextmanager
from typing import Any, NoReturn

import grpc
import structlog
from google.protobuf.message import DecodeError
from grpc_status import rpc_status

from chassis import tracing
from chassis.errors import Retry
from chassis.rpc.measuring import Measured
from chassis.rpc.refusal import Refusal
from chassis.rpc.status import expected, status_of

Context = grpc.aio.ServicerContext[Any, Any]
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable["grpc.RpcMethodHandler[Any, Any] | None"]]

# What nobody answers is measured under one name: a caller chooses its own.
_OTHER = "_OTHER"
_UNREADABLE = object()
log = structlog.get_logger()


class Edge(grpc.aio.ServerInterceptor):
    """Wraps the methods that answer once and those that stream their answer."""

    def __init__(self) -> None:
        self._streams: set[asyncio.Task[Any]] = set()
        self._ended: set[asyncio.Task[Any]] = set()
        # A server's methods are few and stay: each is wrapped once, not once a call.
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    def end_streams(self) -> None:
        """End the open streams with UNAVAILABLE: a watch never ends by itself, and its caller comes again."""
        for task in self._streams:
            self._ended.add(task)
            task.cancel()

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        method = handler_call_details.method
        if (wrapped := self._wrapped.get(method)) is not None:
            return wrapped
        handler = await continuation(handler_call_details)
        if handler is None and method.startswith("/cairn."):
            return grpc.unary_unary_rpc_method_handler(_unary(_OTHER, _unimplemented))
        if handler is None or handler.request_streaming:
            return handler
        wrapped = self._wrapped[method] = self._wrap(method, handler)
        return wrapped

    def _wrap(
        self, method: str, handler: "grpc.RpcMethodHandler[Any, Any]"
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        codec = {
            "request_deserializer": _reading(handler.request_deserializer),
            "response_serializer": _writing(handler.response_serializer),
        }
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(
                self._streaming(method, handler.unary_stream), **codec
            )
        return grpc.unary_unary_rpc_method_handler(_unary(method, handler.unary_unary), **codec)

    def _streaming(self, method: str, answers: Any) -> Any:
        # It writes and does not yield: a generator that is dropped would be closed in another context than
        # the one that its span began in.
        async def call(request: Any, context: Context) -> None:
            with _span(method, context), Measured(method, context):
                try:
                    _check_read(request)
                    async with self._endable():
                        await _write(answers(request, context), context)
                except Exception as error:  # noqa: BLE001 - whatever leaves a method gets its status
                    await _refuse(error, method, context)

        return call

    @asynccontextmanager
    async def _endable(self) -> AsyncIterator[None]:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("gRPC runs every call in a task of its own")
        self._streams.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._ended:
                raise
            task.uncancel()
            raise Retry("the server is stopping") from None
        finally:
            self._streams.discard(task)
            self._ended.discard(task)


def _reading(read: Any) -> Any:
    """Return a deserialiser that hands on what cannot be read: gRPC would answer UNKNOWN, and log each."""

    def request(raw: bytes) -> Any:
        try:
            return read(raw)
        except DecodeError:
            return _UNREADABLE

    return request


def _check_read(request: Any) -> None:
    if request is _UNREADABLE:
        raise Refusal("INVALID_FIELD", "the request is no message of this method")


def _writing(write: Any) -> Any:
    """Return a serialiser that lets an answer pass that is written already."""
    return lambda answer: answer if isinstance(answer, bytes) else write(answer)


def _unary(method: str, answer: Any) -> Any:
    async def call(request: Any, context: Context) -> Any:
        with _span(method, context), Measured(method, context):
            try:
                _check_read(request)
                return await answer(request, context)
            except Exception as error:  # noqa: BLE001 - whatever leaves a method gets its status
                await _refuse(error, method, context)

    return call


async def _unimplemented(_request: bytes, _context: Context) -> bytes:
    raise Refusal("UNIMPLEMENTED", "there is no such method")


async def _write(stream: Any, context: Context) -> None:
    if isinstance(stream, Awaitable):  # gRPC's health service writes by itself
        await stream
        return
    async with aclosing(stream):
        async for answer in stream:
            try:
                await context.write(answer)
            except grpc.aio.InternalError:
                # The caller has gone, and the write heard of it before the call was told.
                raise asyncio.CancelledError from None


def _span(method: str, context: Context) -> AbstractContextManager[object]:
    parents = (value for name, value in context.invocation_metadata() or () if name == "traceparent")
    parent = next(parents, None)
    return tracing.answering(method.lstrip("/"), parent if isinstance(parent, str) else None)


async def _refuse(error: Exception, method: str, context: Context) -> NoReturn:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    status = status_of(error)
    if not expected(status):
        log.error("call failed", method=method, exc_info=error)
    await context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError("a call that is aborted does not go on")
