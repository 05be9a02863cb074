# SPDX-License-Identifier: Apache-2.0
"""A collector of OTLP traces: the gRPC service that any collector offers, which keeps what it is sent."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


@dataclass(frozen=True, slots=True)
class Seen:
    """One span: in which process, and to which spans it has edges; ids in hexadecimal."""

    process: str
    name: str
    trace: str
    span: str
    parent: str
    links: frozenset[str]
    attributes: frozenset[str] = frozenset()
    """The texts among what it says of itself."""


@dataclass(slots=True)
class Collector:
    """What was collected so far, by span id."""

    address: str
    spans: dict[str, Seen] = field(default_factory=dict)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_for(self, wanted: Callable[[Mapping[str, Seen]], bool], within: float) -> None:
        """Wait until something is there; raises TimeoutError."""
        async with asyncio.timeout(within):
            while not wanted(self.spans):
                self.more.clear()
                await self.more.wait()

    def ancestors(self, span: Seen) -> list[Seen]:
        """Return a span and those above it, up to the one whose parent is not here."""
        found = [span]
        while (above := self.spans.get(found[-1].parent)) is not None:
            found.append(above)
        return found


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """Collect on loopback while the block lasts."""
    server = grpc.aio.server()
    collector = Collector(f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(  # type: ignore[no-untyped-call]  # its stubs have no types
        _Traces(collector), server
    )
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(  # type: ignore[no-untyped-call]  # as above
        _Metrics(), server
    )
    await server.start()
    try:
        yield collector
    finally:
        await server.stop(1)


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    async def Export(self, request: Any, _context: Any) -> Any:  # noqa: N802 - the contract's name
        for of in request.resource_spans:
            process = next(
                each.value.string_value for each in of.resource.attributes if each.key == "service.name"
            )
            for scope in of.scope_spans:
                for span in scope.spans:
                    seen = _seen(process, span)
                    self._collector.spans[seen.span] = seen
        self._collector.more.set()
        return trace_service_pb2.ExportTraceServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    async def Export(self, _request: Any, _context: Any) -> Any:  # noqa: N802 - the contract's name
        return metrics_service_pb2.ExportMetricsServiceResponse()


def _seen(process: str, span: Any) -> Seen:
    links = frozenset(link.span_id.hex() for link in span.links)
    ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
    attributes = frozenset(each.value.string_value for each in span.attributes)
    return Seen(process, span.name, *ids, links, attributes)
