# SPDX-License-Identifier: Apache-2.0
"""The record over gRPC: as of both times, page by page, watched, refused with reasons, logged first."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from cairn.events.decision import Credit, DecisionKind
from cairn.records.v1 import entry_pb2, learner_record_pb2
from cairn.records.v1.record_service_pb2 import (
    GetEntryRequest,
    GetLearnerRecordRequest,
    ListEntriesRequest,
    WatchEntriesRequest,
    WatchEntriesResponse,
)
from chassis.database import Pool
from chassis.rpc.caller import Caller
from chassis.rpc.operators import OperatorsHere
from chassis.rpc.refusal import Refusal
from deploy.local.provision import Provisioned
from tests.integration.services.records.asking import Refused, refused
from tests.integration.services.records.feeding import feed, life, made, sequence

if TYPE_CHECKING:
    from cairn.records.v1.record_service_pb2_grpc import RecordServiceAsyncStub

C, U, H = DecisionKind.CONFERRED, DecisionKind.UNDER_REVIEW, DecisionKind.UPHELD
NAME = "institutions/a/learners/b"
CATS = (Credit(amount=Fraction(60), system="cats", level="4"),)


async def disclosures(postgres: str, records: Provisioned, tenant: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(postgres, database=records.database)
    try:
        return list(
            await connection.fetch(
                "select * from records.disclosure where tenant = $1 order by disclosed_at", tenant
            )
        )
    finally:
        await connection.close()


def day(on: date) -> Date:
    return Date(year=on.year, month=on.month, day=on.day)


def instant(at: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(at)
    return message


async def test_the_record_tells_what_stands_and_why_it_may_not(
    stub: "RecordServiceAsyncStub", consume: Pool, tenant: str
) -> None:
    decisions = [
        made(tenant, "l1", C, 1, credential="aaa", credits=CATS, effective_on=date(2014, 5, 1)),
        made(tenant, "l1", C, 1, credential="bbb", credits=CATS, effective_on=date(2014, 5, 2)),
        made(tenant, "l1", U, 2, credential="bbb", effective_on=date(2014, 6, 1), addressee="registrar"),
    ]
    await feed(consume, decisions)
    answer = await stub.GetLearnerRecord(GetLearnerRecordRequest(name=f"institutions/{tenant}/learners/l1"))

    record = answer.record
    states = [(award.credential, award.state) for award in record.awards]
    assert states == [
        ("aaa", learner_record_pb2.AWARD_STATE_CONFERRED),
        ("bbb", learner_record_pb2.AWARD_STATE_UNDER_REVIEW),
    ]
    assert [(each.system, each.amount) for each in record.credits] == [("cats", "60")]
    assert [entry.sequence for entry in record.entries] == [1, 2, 3]
    assert record.chain_head.sequence == 3
    assert record.chain_head.hash == record.entries[-1].hash
    assert record.entries[0].previous_hash == "00" * 32
    assert not any(entry.HasField("position") or entry.HasField("explanation") for entry in record.entries)


async def test_both_times_are_answerable(
    stub: "RecordServiceAsyncStub", consume: Pool, schedule: Pool, tenant: str
) -> None:
    name = f"institutions/{tenant}/learners/l1"
    await feed(consume, [made(tenant, "l1", C, 1, effective_on=date(2014, 5, 1))])
    await sequence(schedule)
    between = datetime.now(UTC)
    await asyncio.sleep(0.01)
    await feed(consume, [made(tenant, "l1", U, 2, effective_on=date(2014, 5, 1))])
    await sequence(schedule)

    async def state(**times: object) -> list[int]:
        request = GetLearnerRecordRequest(name=name, **times)  # type: ignore[arg-type]
        return [award.state for award in (await stub.GetLearnerRecord(request)).record.awards]

    conferred, review = learner_record_pb2.AWARD_STATE_CONFERRED, learner_record_pb2.AWARD_STATE_UNDER_REVIEW
    assert await state() == [review]
    assert await state(recorded_as_of=instant(between)) == [conferred]
    assert await state(effective_as_of=day(date(2014, 4, 30))) == []
    assert await state(effective_as_of=day(date(2014, 5, 1))) == [review]
    assert await state(recorded_as_of=instant(between - timedelta(days=1))) == []
    with pytest.raises(grpc.aio.AioRpcError) as ahead:
        await state(recorded_as_of=instant(datetime.now(UTC) + timedelta(days=1)))
    assert refused(ahead.value).fields == ("recorded_as_of",)


async def test_a_learner_of_whom_nothing_is_recorded_has_an_empty_record(
    stub: "RecordServiceAsyncStub", tenant: str
) -> None:
    name = f"institutions/{tenant}/learners/nobody"
    answer = await stub.GetLearnerRecord(GetLearnerRecordRequest(name=name))

    assert (answer.record.name, len(answer.record.awards), answer.record.chain_head.hash) == (
        name,
        0,
        "00" * 32,
    )


async def test_an_entry_comes_with_its_explanation_also_by_its_id_alone(
    stub: "RecordServiceAsyncStub", consume: Pool, tenant: str
) -> None:
    await feed(consume, [made(tenant, "l1", C, 1)])
    record = await stub.GetLearnerRecord(GetLearnerRecordRequest(name=f"institutions/{tenant}/learners/l1"))
    name = record.record.entries[0].name
    entry = (await stub.GetEntry(GetEntryRequest(name=name))).entry

    assert entry.kind == entry_pb2.ENTRY_KIND_CONFERRED
    assert entry.explanation.requirement == "passed"
    assert list(entry.grounds) == ["e1"]
    by_id = name.replace("/learners/l1/", "/learners/-/")
    assert (await stub.GetEntry(GetEntryRequest(name=by_id))).entry == entry


async def test_pages_follow_positions_to_the_end(
    stub: "RecordServiceAsyncStub", consume: Pool, schedule: Pool, tenant: str
) -> None:
    await feed(consume, [each for number in range(5) for each in life(tenant, f"l{number}", C, U)])
    await sequence(schedule)
    await feed(consume, [made(tenant, "l9", C, 1)])

    async def listed(parent: str, size: int) -> list[tuple[int, ...]]:
        pages, token = [], ""
        while True:
            page = await stub.ListEntries(ListEntriesRequest(parent=parent, page_size=size, page_token=token))
            pages.append(tuple(entry.position for entry in page.entries))
            token = page.next_page_token
            if not token:
                return pages

    parent = f"institutions/{tenant}"
    assert await listed(parent, 4) == [(1, 2, 3, 4), (5, 6, 7, 8), (9, 10)]
    assert await listed(parent, 5) == [(1, 2, 3, 4, 5), (6, 7, 8, 9, 10)]
    assert await listed(parent, 0) == [tuple(range(1, 11))]
    assert await listed(f"{parent}/learners/l2", 1) == [(5,), (6,)]
    assert await listed(f"{parent}-nobody", 10) == [()]


async def test_a_token_of_another_list_is_refused(
    stub: "RecordServiceAsyncStub", consume: Pool, schedule: Pool, tenant: str
) -> None:
    await feed(consume, life(tenant, "l1", C, U))
    await sequence(schedule)
    page = await stub.ListEntries(ListEntriesRequest(parent=f"institutions/{tenant}", page_size=1))
    other = ListEntriesRequest(
        parent=f"institutions/{tenant}/learners/l1", page_size=1, page_token=page.next_page_token
    )
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.ListEntries(other)

    assert refused(error.value) == Refused(
        grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN", ("page_token",)
    )


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("GetLearnerRecord", GetLearnerRecordRequest(name="Ada Lovelace"), "name"),
        (
            "GetLearnerRecord",
            GetLearnerRecordRequest(
                name="institutions/a/learners/b", effective_as_of=Date(year=2014, month=2, day=30)
            ),
            "effective_as_of",
        ),
        (
            "GetLearnerRecord",
            GetLearnerRecordRequest(
                name="institutions/a/learners/b", recorded_as_of=Timestamp(seconds=2**60)
            ),
            "recorded_as_of",
        ),
        ("GetEntry", GetEntryRequest(name="institutions/a/learners/b/entries/c"), "name"),
        ("ListEntries", ListEntriesRequest(parent="institutions/-"), "parent"),
        ("ListEntries", ListEntriesRequest(parent="institutions/a", page_size=-1), "page_size"),
    ],
)
async def test_a_field_that_will_not_do_is_named_and_not_quoted(
    stub: "RecordServiceAsyncStub", method: str, request_: object, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await getattr(stub, method)(request_)

    assert refused(error.value) == Refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", (field,))
    assert "Ada" not in str(error.value)


async def test_what_is_not_there_is_not_found_and_logged_all_the_same(
    stub: "RecordServiceAsyncStub", postgres: str, records: Provisioned, tenant: str
) -> None:
    name = f"institutions/{tenant}/learners/l1/entries/6a1c4a53-52a7-5d6c-9d0e-0c4f5b0f7c11"
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.GetEntry(GetEntryRequest(name=name))

    assert refused(error.value) == Refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND", ())
    (row,) = await disclosures(postgres, records, tenant)
    assert json.loads(row["told"]) == {"entries": 0}


async def test_every_answer_names_the_disclosure_under_which_it_is_logged(
    stub: "RecordServiceAsyncStub",
    consume: Pool,
    schedule: Pool,
    postgres: str,
    records: Provisioned,
    tenant: str,
) -> None:
    await feed(consume, [made(tenant, "l1", C, 1)])
    await sequence(schedule)
    parent, name = f"institutions/{tenant}", f"institutions/{tenant}/learners/l1"
    record = await stub.GetLearnerRecord(GetLearnerRecordRequest(name=name))
    entry = await stub.GetEntry(GetEntryRequest(name=record.record.entries[0].name))
    page = await stub.ListEntries(ListEntriesRequest(parent=parent))
    chunk = await anext(aiter(stub.WatchEntries(WatchEntriesRequest(parent=parent))))

    rows = await disclosures(postgres, records, tenant)
    assert [str(row["disclosure_id"]) for row in rows] == [
        each.disclosure_id for each in (record, entry, page, chunk)
    ]
    methods = ["GetLearnerRecord", "GetEntry", "ListEntries", "WatchEntries"]
    assert [row["method"] for row in rows] == methods
    assert [row["learner"] for row in rows] == ["l1", "l1", None, None]
    assert {row["recipient"] for row in rows} == {"operator"}


async def test_no_answer_leaves_when_its_log_cannot_be_written(
    stub: "RecordServiceAsyncStub", consume: Pool, records: Provisioned, tenant: str
) -> None:
    await feed(consume, [made(tenant, "l1", C, 1)])
    owner = await asyncpg.connect(records.dsns["migrate"])
    try:
        await owner.execute("set role cairn_records_owner")
        await owner.execute("revoke insert on records.disclosure from cairn_records_serve")
        for call in (
            stub.GetLearnerRecord(GetLearnerRecordRequest(name=f"institutions/{tenant}/learners/l1")),
            stub.ListEntries(ListEntriesRequest(parent=f"institutions/{tenant}")),
            anext(aiter(stub.WatchEntries(WatchEntriesRequest(parent=f"institutions/{tenant}")))),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await call
            assert refused(error.value) == Refused(grpc.StatusCode.INTERNAL, "INTERNAL", ())
    finally:
        await owner.execute("grant insert on records.disclosure to cairn_records_serve")
        await owner.close()


async def _until(
    watch: AsyncIterator[WatchEntriesResponse], position: int
) -> tuple[list[int], WatchEntriesResponse]:
    seen: list[int] = []
    async with asyncio.timeout(10):
        async for response in watch:
            seen.extend(entry.position for entry in response.entries)
            if response.position >= position:
                return seen, response
    raise AssertionError("a watch never ends by itself")


async def test_a_watch_sends_what_is_there_then_what_comes_and_resumes_behind_a_position(
    stub: "RecordServiceAsyncStub", consume: Pool, schedule: Pool, tenant: str
) -> None:
    parent = f"institutions/{tenant}"
    await feed(consume, life(tenant, "l1", C, U))
    await sequence(schedule)
    call = stub.WatchEntries(WatchEntriesRequest(parent=parent))
    watch = aiter(call)
    assert (await _until(watch, 2))[0] == [1, 2]

    began = asyncio.get_running_loop().time()
    await feed(consume, life(tenant, "l2", C))
    await sequence(schedule)
    assert (await _until(watch, 3))[0] == [3]
    assert asyncio.get_running_loop().time() - began < 0.9  # sooner than a poll: the notification came
    call.cancel()

    await feed(consume, life(tenant, "l3", C, U))
    await sequence(schedule)
    again = aiter(stub.WatchEntries(WatchEntriesRequest(parent=parent, after_position=3)))
    assert (await _until(again, 5))[0] == [4, 5]


async def test_a_watch_of_one_learner_says_how_far_the_record_has_come(
    stub: "RecordServiceAsyncStub", consume: Pool, schedule: Pool, tenant: str
) -> None:
    await feed(consume, [*life(tenant, "l1", C, U), *life(tenant, "l2", C)])
    await sequence(schedule)
    watch = aiter(stub.WatchEntries(WatchEntriesRequest(parent=f"institutions/{tenant}/learners/l2")))
    seen, last = await _until(watch, 3)

    assert seen == [3]
    behind = WatchEntriesRequest(parent=f"institutions/{tenant}/learners/l1", after_position=2)
    quiet = await anext(aiter(stub.WatchEntries(behind)))
    assert (len(quiet.entries), quiet.position, last.position) == (0, 3, 3)


async def test_a_watch_of_an_empty_record_begins_with_its_first_entry(
    stub: "RecordServiceAsyncStub", consume: Pool, schedule: Pool, tenant: str
) -> None:
    watch = aiter(stub.WatchEntries(WatchEntriesRequest(parent=f"institutions/{tenant}")))
    first = await anext(watch)
    assert (len(first.entries), first.HasField("position")) == (0, False)
    await feed(consume, life(tenant, "l1", C))
    await sequence(schedule)

    assert (await _until(watch, 1))[0] == [1]


async def test_a_watch_from_behind_the_records_end_is_refused_and_what_that_tells_is_logged(
    stub: "RecordServiceAsyncStub",
    consume: Pool,
    schedule: Pool,
    postgres: str,
    records: Provisioned,
    tenant: str,
) -> None:
    await feed(consume, life(tenant, "l1", C, U))
    await sequence(schedule)
    behind = WatchEntriesRequest(parent=f"institutions/{tenant}", after_position=3)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await asyncio.wait_for(anext(aiter(stub.WatchEntries(behind))), 5)
    assert refused(error.value) == Refused(
        grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", ("after_position",)
    )
    (row,) = await disclosures(postgres, records, tenant)
    assert json.loads(row["told"]) == {"entries": 0, "position": 2}


async def test_health_and_reflection_answer(port: int) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call,unused-ignore]
        request = health_pb2.HealthCheckRequest(service="cairn.records.v1.RecordService")
        async with asyncio.timeout(5):
            # The status follows readiness within a tenth of a second, and a watch of it is not tested here.
            while (await health.Check(request)).status != health_pb2.HealthCheckResponse.SERVING:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        untyped: Any = reflection_pb2_grpc
        reflection = untyped.ServerReflectionStub(channel)
        messages: Any = reflection_pb2
        asked = messages.ServerReflectionRequest(list_services="")
        answer = await anext(aiter(reflection.ServerReflectionInfo(iter([asked]))))

    names = {each.name for each in answer.list_services_response.service}
    assert "cairn.records.v1.RecordService" in names


@pytest.mark.parametrize("comes", [True, False])
async def test_a_watch_of_whoever_may_not_ask_any_more_ends_whether_or_not_anything_comes(
    stub: "RecordServiceAsyncStub",
    consume: Pool,
    schedule: Pool,
    postgres: str,
    records: Provisioned,
    tenant: str,
    monkeypatch: pytest.MonkeyPatch,
    comes: bool,
) -> None:
    await feed(consume, life(tenant, "l1", C, U))
    await sequence(schedule)
    watch = aiter(stub.WatchEntries(WatchEntriesRequest(parent=f"institutions/{tenant}")))
    assert (await _until(watch, 2))[0] == [1, 2]
    told = len(await disclosures(postgres, records, tenant))

    def nobody(_self: OperatorsHere, _caller: Caller) -> str:
        raise Refusal("PERMISSION_DENIED", "the authority is gone from the bundle")

    monkeypatch.setattr(OperatorsHere, "authorise", nobody)
    if comes:
        await feed(consume, life(tenant, "l2", C))
        await sequence(schedule)

    with pytest.raises(grpc.aio.AioRpcError) as error:
        await asyncio.wait_for(anext(watch), 5)
    assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert len(await disclosures(postgres, records, tenant)) == told
