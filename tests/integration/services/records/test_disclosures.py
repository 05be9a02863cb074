# SPDX-License-Identifier: Apache-2.0
"""The log of disclosures answers for one learner: whatever told of them is in it, and nothing else."""

from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import grpc
import pytest

from cairn.client.records import RecordsClient, open_records
from cairn.events.decision import DecisionKind
from cairn.ids import LearnerId, TenantId
from cairn.records.v1.disclosure_pb2 import Disclosure as Message
from cairn.records.v1.record_service_pb2 import (
    GetEntryRequest,
    ListDisclosuresRequest,
    ListEntriesRequest,
    WatchEntriesRequest,
)
from chassis.database import Pool
from deploy.local.provision import Provisioned
from services.records.adapters.postgres_disclosures import PostgresDisclosures
from services.records.app.authority import Permission
from services.records.app.disclosure import Detail, Disclosure
from services.records.app.disclosures_told import LATEST
from tests.integration.services.records.asking import Refused, refused
from tests.integration.services.records.feeding import feed, life, sequence

if TYPE_CHECKING:
    from cairn.records.v1.record_service_pb2_grpc import RecordServiceAsyncStub

C = DecisionKind.CONFERRED


@pytest.fixture
async def client(port: int, tenant: str) -> AsyncIterator[RecordsClient]:
    async with open_records(f"127.0.0.1:{port}", tenant) as client:
        yield client


async def told_of(client: RecordsClient, learner: str) -> list[Message]:
    return [each async for each in client.disclosures(learner)]


def ids(disclosures: list[Message]) -> list[str]:
    return [each.name.rpartition("/")[2] for each in disclosures]


async def test_what_was_told_of_a_learner_is_listed_latest_first(
    client: RecordsClient, stub: "RecordServiceAsyncStub", consume: Pool, schedule: Pool, tenant: str
) -> None:
    await feed(consume, [*life(tenant, "l1", C), *life(tenant, "l2", C)])
    await sequence(schedule)
    institution = f"institutions/{tenant}"
    record = await client.record("l1")
    of_other = await client.record("l2")
    entry = await stub.GetEntry(
        GetEntryRequest(name=f"{institution}/learners/-/entries/{record.record.entries[0].name[-36:]}")
    )
    every = await stub.ListEntries(ListEntriesRequest(parent=institution))
    first_alone = await stub.ListEntries(ListEntriesRequest(parent=institution, page_size=1))
    chunk = await anext(aiter(stub.WatchEntries(WatchEntriesRequest(parent=institution, after_position=1))))
    first, second = record.record.entries[0].position, of_other.record.entries[0].position
    assert (first, second) == (1, 2)

    found, of_second = await told_of(client, "l1"), await told_of(client, "l2")

    assert ids(found) == [each.disclosure_id for each in (first_alone, every, entry, record)]
    assert ids(of_second) == [each.disclosure_id for each in (chunk, every, of_other)]
    assert [each.method for each in found] == ["ListEntries", "ListEntries", "GetEntry", "GetLearnerRecord"]
    assert [each.of_learner_alone for each in found] == [False, False, True, True]
    assert {(each.recipient, each.legal_basis, each.partner) for each in found} == {
        ("operator", "operation of the service", "")
    }
    assert dict(found[0].told) == {"entries": "1", "first": "1", "last": "1"}
    assert abs(found[0].disclose_time.ToDatetime(UTC) - datetime.now(UTC)).total_seconds() < 60


async def test_the_list_itself_is_logged(client: RecordsClient) -> None:
    assert await told_of(client, "l1") == []

    (listed,) = await told_of(client, "l1")

    assert listed.method == "ListDisclosures"
    assert dict(listed.told) == {"disclosures": "0"}


async def test_pages_hold_each_once_although_more_is_told_meanwhile(
    client: RecordsClient, stub: "RecordServiceAsyncStub", tenant: str
) -> None:
    wanted = [(await client.record("l1")).disclosure_id for _ in range(5)]
    request = ListDisclosuresRequest(parent=f"institutions/{tenant}/learners/l1", page_size=2)
    seen: list[list[str]] = []
    while not seen or request.page_token:
        page = await stub.ListDisclosures(request)
        seen.append(ids(list(page.disclosures)))
        request.page_token = page.next_page_token

    assert [len(page) for page in seen] == [2, 2, 1]
    assert [each for page in seen for each in page] == wanted[::-1]


async def test_a_token_goes_on_in_its_own_list_alone(
    client: RecordsClient, stub: "RecordServiceAsyncStub", tenant: str
) -> None:
    for _ in range(2):
        await client.record("l1")
    request = ListDisclosuresRequest(parent=f"institutions/{tenant}/learners/l1", page_size=1)
    request.page_token = (await stub.ListDisclosures(request)).next_page_token
    request.parent = f"institutions/{tenant}/learners/l2"
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.ListDisclosures(request)

    assert refused(raised.value) == Refused(
        grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN", ("page_token",)
    )


async def test_each_of_many_told_of_all_is_found(
    consume: Pool, schedule: Pool, serve: Pool, postgres: str, records: Provisioned, tenant: str
) -> None:
    """Against a plain reading of the log, with ranges as long as they can be."""
    await feed(
        consume,
        [
            event
            for number in range(30)
            for event in life(tenant, f"l{number % 3}", C, credential=f"c{number}")
        ],
    )
    await sequence(schedule)
    store, permission = PostgresDisclosures(serve), Permission("ListEntries", "x", "y")
    ranges = [(first, last) for first in range(-1000, 31, 7) for last in (first, first + 3, first + 999)]
    logged = {uuid4(): told for told in ranges}

    def disclosure(told: Detail) -> Disclosure:
        return Disclosure(tenant=TenantId(tenant), permission=permission, learner=None, asked={}, told=told)

    await store.keep(
        [(each, disclosure({"first": first, "last": last})) for each, (first, last) in logged.items()]
    )
    connection = await asyncpg.connect(postgres, database=records.database)
    rows = await connection.fetch("select learner, position from records.position where tenant = $1", tenant)
    await connection.close()

    for learner in ("l0", "l1", "l2"):
        mine = [position for whose, position in rows if whose == learner]
        wanted = {
            each
            for each, (first, last) in logged.items()
            if any(first <= position <= last for position in mine)
        }
        found = await store.of_learner(TenantId(tenant), LearnerId(learner), LATEST, 1000)
        assert {each.place.disclosure_id for each in found} == wanted
        assert [each.place for each in found] == sorted((each.place for each in found), reverse=True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("parent", "institutions/a"),
        ("parent", "institutions/a/learners/-"),
        ("page_size", -1),
        ("page_token", "x"),
        ("page_token", b64encode(b"1/" + b"-" * 36).decode()),
    ],
)
async def test_a_request_that_will_not_do_is_refused_by_field(
    stub: "RecordServiceAsyncStub", field: str, value: str | int
) -> None:
    request = ListDisclosuresRequest(parent="institutions/a/learners/b")
    setattr(request, field, value)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.ListDisclosures(request)

    assert refused(raised.value).fields == (field,)
