# SPDX-License-Identifier: Apache-2.0
"""A real server on loopback: what a caller gets, from a refusal to the end of the server."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from opentelemetry import trace

from cairn.records.v1 import entry_pb2, record_service_pb2_grpc
from cairn.records.v1 import record_service_pb2 as messages
from chassis import logs, telemetry
from chassis.errors import Retry
from chassis.health import Health
from chassis.rpc.refusal import Violation, invalid
from chassis.rpc.server import RpcServer

NAME = "cairn.records.v1.RecordService"
TRACE = "0af7651916cd43dd8448eb211c80319c"


class Records(record_service_pb2_grpc.RecordServiceServicer):
    """Answers by the name that it is asked for."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.trace = 0

    async def GetLearnerRecord(  # noqa: N802 - the contract's name
        self, request: messages.GetLearnerRecordRequest, _context: Any
    ) -> Any:  # a message, or one that is written already
        self.trace = trace.get_current_span().get_span_context().trace_id
        match request.name:
            case "invalid":
                raise invalid(Violation("name", "is no resource name"))
            case "surprise":
                raise ValueError("learner zq4711")
            case "written":
                return messages.GetLearnerRecordResponse(disclosure_id="d2").SerializeToString()
            case _:
                return messages.GetLearnerRecordResponse(disclosure_id="d1")

    async def GetEntry(  # noqa: N802 - the contract's name
        self, _request: messages.GetEntryRequest, _context: Any
    ) -> messages.GetEntryResponse:
        return messages.GetEntryResponse()

    async def ListEntries(  # noqa: N802 - the contract's name
        self, _request: messages.ListEntriesRequest, _context: Any
    ) -> messages.ListEntriesResponse:
        return messages.ListEntriesResponse()

    async def ListDisclosures(  # noqa: N802 - the contract's name
        self, _request: messages.ListDisclosuresRequest, _context: Any
    ) -> messages.ListDisclosuresResponse:
        return messages.ListDisclosuresResponse()

    async def WatchEntries(  # noqa: N802 - the contract's name
        self, request: messages.WatchEntriesRequest, _context: Any
    ) -> AsyncIterator[messages.WatchEntriesResponse]:
        try:
            yield messages.WatchEntriesResponse(entries=[entry_pb2.Entry(position=0)], position=0)
            if request.parent == "broken":
                raise Retry("the database is away")
            await asyncio.Event().wait()
        finally:
            self.closed.set()


class Running:
    """A server under test, and a channel to it."""

    def __init__(self, *, reflected: bool) -> None:
        telemetry.configure("records", "test", None)
        self.health = Health()
        self.records = Records()
        self.server = RpcServer([NAME], 0, self.health, reflected=reflected)
        record_service_pb2_grpc.add_RecordServiceServicer_to_server(self.records, self.server.server)
        self.stop = asyncio.Event()
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.server.port}")
        self.stub = record_service_pb2_grpc.RecordServiceStub(self.channel)


@asynccontextmanager
async def running(*, reflected: bool = True) -> AsyncIterator[Running]:
    each = Running(reflected=reflected)
    task = asyncio.create_task(each.server.run(each.stop))
    try:
        yield each
    finally:
        each.stop.set()
        await asyncio.wait_for(task, 2)
        await each.channel.close()


def reason_of(error: grpc.aio.AioRpcError) -> str:
    # It reads only what a call and its error have in common; its types know the synchronous call alone.
    status = rpc_status.from_call(cast("grpc.Call", error))
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info.reason


async def test_a_refusal_says_which_field_and_why() -> None:
    async with running() as each:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await each.stub.GetLearnerRecord(messages.GetLearnerRecordRequest(name="invalid"))

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(caught.value) == "INVALID_FIELD"


async def test_an_answer_that_is_written_already_leaves_as_it_is() -> None:
    async with running() as each:
        names = ("written", "plain", "written")
        answers = [
            await each.stub.GetLearnerRecord(messages.GetLearnerRecordRequest(name=name)) for name in names
        ]

    assert [answer.disclosure_id for answer in answers] == ["d2", "d1", "d2"]


async def test_a_surprise_is_internal_and_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    logs.configure("records", "test", "info")
    async with running() as each:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await each.stub.GetLearnerRecord(messages.GetLearnerRecordRequest(name="surprise"))

    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "zq4711" not in str(caught.value)
    assert '"event": "call failed"' in written.getvalue()
    assert "zq4711" not in written.getvalue()


async def test_an_unknown_method_of_ours_is_told_richly() -> None:
    async with running() as each:
        call: Any = each.channel.unary_unary(f"/{NAME}/Forget")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"")

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert reason_of(caught.value) == "UNIMPLEMENTED"


async def test_a_stream_that_breaks_first_sends_what_it_had() -> None:
    async with running() as each:
        answers = aiter(each.stub.WatchEntries(messages.WatchEntriesRequest(parent="broken")))
        first = await anext(answers)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await anext(answers)

    assert first.position == 0
    assert reason_of(caught.value) == "UNAVAILABLE"


async def test_a_caller_that_leaves_closes_its_stream() -> None:
    async with running() as each:
        call = each.stub.WatchEntries(messages.WatchEntriesRequest(parent="institutions/x"))
        await anext(aiter(call))
        call.cancel()
        await asyncio.wait_for(each.records.closed.wait(), 2)


async def test_the_end_of_the_server_ends_an_open_watch_at_once() -> None:
    async with running() as each:
        call = each.stub.WatchEntries(messages.WatchEntriesRequest(parent="institutions/x"))
        await anext(aiter(call))
        each.stop.set()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asyncio.wait_for(anext(aiter(call)), 2)

    assert reason_of(caught.value) == "UNAVAILABLE"
    assert each.records.closed.is_set()


async def test_the_callers_trace_goes_on() -> None:
    async with running() as each:
        metadata = (("traceparent", f"00-{TRACE}-b7ad6b7169203331-01"),)
        await each.stub.GetLearnerRecord(messages.GetLearnerRecordRequest(name="x"), metadata=metadata)

    assert f"{each.records.trace:032x}" == TRACE


async def test_health_follows_readiness_and_ends_with_not_serving() -> None:
    answer = health_pb2.HealthCheckResponse
    async with running() as each:
        stub: Any = health_pb2_grpc.HealthStub(each.channel)
        statuses = aiter(stub.Watch(health_pb2.HealthCheckRequest(service=NAME)))
        while (await anext(statuses)).status != answer.SERVING:
            pass
        each.health.unmet("database", "away")
        assert (await anext(statuses)).status == answer.NOT_SERVING
        each.health.met("database")
        assert (await anext(statuses)).status == answer.SERVING
        each.stop.set()
        assert (await anext(statuses)).status == answer.NOT_SERVING


@pytest.mark.parametrize("reflected", [True, False])
async def test_reflection_is_there_when_switched_on(reflected: bool) -> None:
    async with running(reflected=reflected) as each:
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast("grpc.Channel", each.channel))
        call = stub.ServerReflectionInfo(iter([asked]))
        try:
            names = [
                service.name async for answer in call for service in answer.list_services_response.service
            ]
        except grpc.aio.AioRpcError as error:
            names = [error.code().name]

    assert (NAME in names) is reflected
    assert ("UNIMPLEMENTED" in names) is not reflected


async def test_a_port_that_is_taken_is_not_shared() -> None:
    async with running() as each:
        with pytest.raises(Retry, match="cannot be bound"):
            RpcServer([NAME], each.server.port, Health())
