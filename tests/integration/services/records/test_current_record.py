# SPDX-License-Identifier: Apache-2.0
"""A projection saves reading the record again, and never tells anything but the record."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from cairn.events.decision import DecisionKind
from cairn.ids import LearnerId, TenantId
from cairn.records.v1.learner_record_pb2 import LearnerRecord
from cairn.records.v1.record_service_pb2 import GetLearnerRecordRequest, GetLearnerRecordResponse
from chassis.database import Pool
from deploy.local.provision import Provisioned
from services.records.adapters.postgres_disclosures import PostgresDisclosures
from services.records.app.authority import Permission
from services.records.app.disclosure import Disclosure
from services.records.domain.record import Reach
from tests.integration.services.records.asking import refused
from tests.integration.services.records.feeding import Feed, feed, life, made, sequence

if TYPE_CHECKING:
    from cairn.records.v1.record_service_pb2_grpc import RecordServiceAsyncStub

C, R, U = DecisionKind.CONFERRED, DecisionKind.REALLOTTED, DecisionKind.UNDER_REVIEW
LAST_DAY = Date(year=9999, month=12, day=31)
READING = "execute on function records.entries_of(text, text)"
LOGGING = "insert on records.disclosure"


async def ask(stub: "RecordServiceAsyncStub", tenant: str, learner: str = "l1") -> GetLearnerRecordResponse:
    return await stub.GetLearnerRecord(
        GetLearnerRecordRequest(name=f"institutions/{tenant}/learners/{learner}")
    )


async def as_read(stub: "RecordServiceAsyncStub", tenant: str) -> LearnerRecord:
    """Return the record as of the last day there is, which no projection answers."""
    name = f"institutions/{tenant}/learners/l1"
    return timeless(await stub.GetLearnerRecord(GetLearnerRecordRequest(name=name, effective_as_of=LAST_DAY)))


def timeless(answer: GetLearnerRecordResponse) -> LearnerRecord:
    answer.record.ClearField("recorded_as_of")
    answer.record.ClearField("effective_as_of")
    return answer.record


@asynccontextmanager
async def without(records: Provisioned, privilege: str) -> AsyncIterator[None]:
    """Take a privilege from who serves, while the block lasts."""
    owner = await asyncpg.connect(records.dsns["migrate"])
    try:
        await owner.execute("set role cairn_records_owner")
        await owner.execute(f"revoke {privilege} from cairn_records_serve")
        yield
        await owner.execute(f"grant {privilege} to cairn_records_serve")
    finally:
        await owner.close()


async def logged(postgres: str, records: Provisioned, tenant: str) -> list[str]:
    dsn = urlunsplit(urlsplit(postgres)._replace(path=f"/{records.database}"))
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "select disclosure_id from records.disclosure where tenant = $1 order by disclosed_at", tenant
        )
    finally:
        await connection.close()
    return [str(row["disclosure_id"]) for row in rows]


async def test_a_record_that_has_not_moved_is_told_without_being_read(
    stub: "RecordServiceAsyncStub", consume: Pool, schedule: Pool, records: Provisioned, tenant: str
) -> None:
    await feed(consume, life(tenant, "l1", C, R, U))
    await sequence(schedule)
    expected = await as_read(stub, tenant)
    first = await ask(stub, tenant)
    async with without(records, READING):
        again = await ask(stub, tenant)

    assert again.record.recorded_as_of.ToNanoseconds() > first.record.recorded_as_of.ToNanoseconds()
    assert timeless(first) == timeless(again) == expected
    assert first.disclosure_id != again.disclosure_id


async def test_a_new_entry_is_told_at_once_or_nothing_is(
    stub: "RecordServiceAsyncStub", consume: Pool, records: Provisioned, tenant: str
) -> None:
    first, second = life(tenant, "l1", C, U)
    await feed(consume, [first])
    await ask(stub, tenant)
    await feed(consume, [second])
    async with without(records, READING):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await ask(stub, tenant)
    answer = await ask(stub, tenant)

    assert refused(error.value).code == grpc.StatusCode.INTERNAL
    assert [entry.sequence for entry in answer.record.entries] == [1, 2]
    assert timeless(answer) == await as_read(stub, tenant)


async def test_a_position_that_comes_later_is_told(
    stub: "RecordServiceAsyncStub", consume: Pool, schedule: Pool, tenant: str
) -> None:
    await feed(consume, life(tenant, "l1", C, U))
    before = await ask(stub, tenant)
    await sequence(schedule)
    after = await ask(stub, tenant)

    assert [entry.HasField("position") for entry in before.record.entries] == [False, False]
    assert [entry.position for entry in after.record.entries] == [1, 2]
    assert all(entry.HasField("record_time") for entry in after.record.entries)
    assert timeless(after) == await as_read(stub, tenant)


async def test_a_learner_of_whom_nothing_was_recorded_has_a_first_entry(
    stub: "RecordServiceAsyncStub", consume: Pool, tenant: str
) -> None:
    assert [len((await ask(stub, tenant)).record.entries) for _ in range(2)] == [0, 0]
    await feed(consume, life(tenant, "l1", C))

    assert len((await ask(stub, tenant)).record.entries) == 1


async def test_the_same_learner_of_another_tenant_has_a_record_of_its_own(
    stub: "RecordServiceAsyncStub", consume: Pool, tenant: str
) -> None:
    other = f"{tenant}-b"
    await feed(consume, [*life(tenant, "l1", C), *life(other, "l1", C, credential="other")])
    for _ in range(2):
        both = await asyncio.gather(ask(stub, tenant), ask(stub, other))
        credentials = [[award.credential for award in each.record.awards] for each in both]
        assert credentials == [["module-aaa"], ["other"]]
        assert [each.record.name.split("/")[1] for each in both] == [tenant, other]


async def test_another_time_is_answered_from_the_entries(
    stub: "RecordServiceAsyncStub", consume: Pool, schedule: Pool, tenant: str
) -> None:
    await feed(consume, [made(tenant, "l1", C, 1, effective_on=date(2014, 5, 1))])
    await sequence(schedule)
    name = f"institutions/{tenant}/learners/l1"
    now = await ask(stub, tenant)
    day_before = GetLearnerRecordRequest(name=name, effective_as_of=Date(year=2014, month=4, day=30))
    long_ago = GetLearnerRecordRequest(name=name, recorded_as_of=Timestamp(seconds=1))

    assert len(now.record.awards) == 1
    for request in (day_before, long_ago):
        assert len((await stub.GetLearnerRecord(request)).record.awards) == 0
    assert timeless(await ask(stub, tenant)) == timeless(now)


async def test_what_was_committed_before_a_call_is_in_its_answer(
    stub: "RecordServiceAsyncStub", consume: Pool, schedule: Pool, tenant: str
) -> None:
    written, entries = 0, 30

    async def write() -> None:
        nonlocal written
        one = Feed(consume)
        await one.claim()
        for decision in life(tenant, "l1", C, *[R] * (entries - 1)):
            await one.take([decision])
            written += 1
            await sequence(schedule)

    async def read() -> int:
        hits, seen = 0, 0
        while seen < entries:
            before = written
            answer = await ask(stub, tenant)
            hits += seen == len(answer.record.entries)
            seen = len(answer.record.entries)
            assert seen >= before
            assert answer.record.chain_head.sequence == seen
        return hits

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        readers = [tasks.create_task(read()) for _ in range(5)]
    assert sum(reader.result() for reader in readers) > 0
    assert timeless(await ask(stub, tenant)) == await as_read(stub, tenant)


async def test_every_answer_is_logged_and_one_that_was_stale_is_not(
    stub: "RecordServiceAsyncStub",
    consume: Pool,
    schedule: Pool,
    postgres: str,
    records: Provisioned,
    tenant: str,
) -> None:
    first, second = life(tenant, "l1", C, U)
    answers = []
    await feed(consume, [first])
    answers += [await ask(stub, tenant), await ask(stub, tenant)]
    await feed(consume, [second])
    answers += [await ask(stub, tenant)]
    await sequence(schedule)
    answers += [await ask(stub, tenant), await ask(stub, tenant)]

    assert await logged(postgres, records, tenant) == [answer.disclosure_id for answer in answers]


async def test_a_projection_does_not_leave_when_its_log_cannot_be_written(
    stub: "RecordServiceAsyncStub", consume: Pool, records: Provisioned, tenant: str
) -> None:
    await feed(consume, life(tenant, "l1", C))
    await ask(stub, tenant)
    async with without(records, LOGGING):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await ask(stub, tenant)

    assert refused(error.value).code == grpc.StatusCode.INTERNAL
    assert len((await ask(stub, tenant)).record.entries) == 1


async def test_of_one_group_what_is_at_its_reach_is_kept(
    serve: Pool, consume: Pool, schedule: Pool, postgres: str, records: Provisioned, tenant: str
) -> None:
    other = f"{tenant}-b"
    first, second = life(tenant, "l1", C, U)
    await feed(consume, [first, *life(other, "l1", C)])
    await sequence(schedule)
    await feed(consume, [second])

    def disclosure(of: str, reach: Reach | None, learner: str = "l1") -> tuple[UUID, Disclosure]:
        permission = Permission("GetLearnerRecord", "operator", "operation")
        whose = TenantId(of), LearnerId(learner)
        return uuid4(), Disclosure(
            tenant=whose[0], permission=permission, learner=whose[1], asked={}, told={}, reach=reach
        )

    kept = [
        disclosure(tenant, Reach(2, 1)),
        disclosure(other, Reach(1, 1)),
        disclosure(tenant, None),
        disclosure(tenant, Reach(0, 0), "nobody"),
    ]
    stale = [
        disclosure(tenant, Reach(1, 1)),
        disclosure(tenant, Reach(2, 0)),
        disclosure(other, Reach(2, 1)),
        disclosure(tenant, Reach(0, 0)),
        disclosure(tenant, Reach(1, 0), "nobody"),
    ]
    ids = {disclosure_id for disclosure_id, _ in kept}
    assert await PostgresDisclosures(serve).keep([*stale, *kept]) == ids
    assert await PostgresDisclosures(serve).keep(stale) == frozenset()
    assert set(await logged(postgres, records, tenant)) | set(await logged(postgres, records, other)) == {
        str(each) for each in ids
    }
