# SPDX-License-Identifier: Apache-2.0
"""Callers who open thousands of watches, do not read, or go away: others are answered, in bounded memory."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import grpc
import psutil
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cairn.events.decision import DecisionKind
from cairn.records.v1.record_service_pb2 import (
    GetLearnerRecordRequest,
    GetLearnerRecordResponse,
    ListEntriesRequest,
    WatchEntriesRequest,
    WatchEntriesResponse,
)
from chassis.database import open_pool
from deploy.local.provision import Provisioned
from tests.certificates import Authority
from tests.integration.services.records.feeding import feed, made, sequence
from tests.integration.services.records.neighbours import PATIENCE, PURPOSE, SOUTH, Neighbours, looked_up
from tests.integration.services.records.tls_process import REGISTRY, Serving, serving_over_tls

if TYPE_CHECKING:
    from cairn.records.v1.record_service_pb2_grpc import RecordServiceAsyncStub

TOGETHER, OF_ONE = 150, 100
OPENED, CONNECTIONS = 10_000, 10
ENTRIES = 1600
TIME = 120.0
BURST = 3000
MEBIBYTE = 1024 * 1024
# A caller takes in several MiB that it does not read yet, unless it is told to take less.
TAKES_LITTLE = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65536)]
LIMITED = (grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_REACHED", 5)


class Place:
    """A server with few places for watches, and who knows it."""

    def __init__(self, serving: Serving, at: Neighbours) -> None:
        self.at = at
        self.process = psutil.Process(serving.running.process.pid)
        self.said = serving.running.said

    @property
    def memory(self) -> int:
        """How many bytes the server holds now."""
        held: int = self.process.memory_info().rss
        return held

    def watch(self, stub: "RecordServiceAsyncStub", after: int = 0) -> Any:
        """Begin to watch the whole record."""
        request = WatchEntriesRequest(parent=self.at.institution, after_position=after, purpose=PURPOSE)
        return stub.WatchEntries(request)

    async def room(self, stub: "RecordServiceAsyncStub", count: int) -> list[Any]:
        """Open so many watches, once there is room for them."""
        opened: list[Any] = []
        async with asyncio.timeout(PATIENCE):
            while len(opened) < count:
                each = self.watch(stub, ENTRIES)
                if isinstance(await first(each), WatchEntriesResponse):
                    opened.append(each)
        return opened

    async def answers(self, stub: "RecordServiceAsyncStub") -> bool:
        """Tell whether the partner's other calls are answered."""
        request = GetLearnerRecordRequest(name=self.at.learner("l1"), purpose=PURPOSE)
        return bool((await stub.GetLearnerRecord(request, timeout=TIME)).disclosure_id)


async def first(watch: Any) -> WatchEntriesResponse | tuple[grpc.StatusCode, str, float]:
    """Return the first answer of a watch, or its code, reason and the seconds after which to come again."""
    try:
        return cast("WatchEntriesResponse", await watch.read())
    except grpc.aio.AioRpcError as error:
        status = rpc_status.from_call(error)  # type: ignore[arg-type]  # it reads what both kinds have
        if status is None:
            return error.code(), "", 0
        info, again = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        assert status.details[0].Unpack(info)
        assert status.details[1].Unpack(again)
        return error.code(), info.reason, again.retry_delay.seconds


@pytest.fixture(scope="module")
async def place(
    records: Provisioned,
    broker: str,
    ours: Authority,
    theirs: Authority,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Place]:
    """Serve the record of an institution, of more entries than one answer of a watch has."""
    tenant = f"t{uuid4().hex[:10]}"
    pools = [await open_pool(records.dsns[role], 2) for role in ("consume", "schedule")]
    decisions = [
        made(tenant, f"l{each % 50}", DecisionKind.CONFERRED, 1, credential=f"c{each}")
        for each in range(ENTRIES)
    ]
    await feed(pools[0], decisions)
    await sequence(pools[1])
    for pool in pools:
        await pool.close()
    folder = tmp_path_factory.mktemp("watches")
    limits = {"RECORDS_WATCHES": str(TOGETHER), "RECORDS_WATCHES_OF_ONE": str(OF_ONE)}
    async with serving_over_tls(records, broker, ours, theirs, folder, **limits) as serving:
        at = Neighbours(serving.address, tenant, ours, theirs.client(REGISTRY), Authority("south"))
        await at.meet(admission=False)
        yield Place(serving, at)
    assert "call failed" not in "".join(serving.running.said)


async def test_of_ten_thousand_watches_a_caller_has_its_share_and_others_are_answered(place: Place) -> None:
    southern = place.at.southern.client(SOUTH)
    async with place.at.stubs(southern) as (south,):
        async with place.at.stubs(place.at.operator, CONNECTIONS) as stubs:
            (await place.room(stubs[0], 1))[0].cancel()
            before = place.memory
            watches = [place.watch(stubs[each % CONNECTIONS], ENTRIES) for each in range(OPENED)]
            async with asyncio.timeout(TIME):
                told = await asyncio.gather(*map(first, watches))
            mine = await place.room(south, TOGETHER - OF_ONE)
            one_more = await first(place.watch(south))

            outcomes = Counter("open" if isinstance(each, WatchEntriesResponse) else each for each in told)
            assert OF_ONE - 1 <= outcomes.pop("open") <= OF_ONE
            assert list(outcomes) == [LIMITED]
            assert one_more == LIMITED
            assert await place.answers(south)
            assert place.memory - before < 100 * MEBIBYTE
            for each in mine:
                each.cancel()
        # They are gone with their connections.
        for each in await place.room(south, OF_ONE):
            each.cancel()
    assert any('"watch refused"' in line for line in place.said)


async def test_who_does_not_read_is_waited_for_with_one_answer_in_hand(
    place: Place, records: Provisioned, postgres: str
) -> None:
    told = "select count(*) from records.disclosure where tenant = $1 and method = 'WatchEntries'"
    southern, tenant = place.at.southern.client(SOUTH), place.at.tenant
    async with (
        place.at.stubs(southern, options=TAKES_LITTLE) as (south,),
        place.at.stubs(southern) as (other,),
    ):
        for each in await place.room(other, OF_ONE):  # whatever was open before is gone
            each.cancel()
        (before,), memory = (await looked_up(postgres, records, told, tenant))[0], place.memory
        slow = [place.watch(south) for _ in range(OF_ONE // 2)]
        heads = await asyncio.gather(*map(first, slow))
        for _ in range(20):  # for as long as it would take to send everything to somebody who reads
            assert await place.answers(other)
            await asyncio.sleep(0.1)
        (after,) = (await looked_up(postgres, records, told, tenant))[0]

        assert after - before <= 2 * len(slow)
        assert place.memory - memory < 200 * MEBIBYTE
        assert await _rest(slow[0], heads[0]) == list(range(1, ENTRIES + 1))
        for each in slow:
            each.cancel()


async def _rest(watch: Any, head: object) -> list[int]:
    """Read a watch to the record's end; return the positions that it was told."""
    assert isinstance(head, WatchEntriesResponse)
    positions = [entry.position for entry in head.entries]
    async with asyncio.timeout(PATIENCE):
        while len(positions) < ENTRIES:
            positions += [entry.position for entry in (await watch.read()).entries]
    return positions


async def test_callers_that_go_away_leave_nothing_behind(
    place: Place, records: Provisioned, postgres: str
) -> None:
    southern, request = place.at.southern.client(SOUTH), GetLearnerRecordRequest
    async with place.at.stubs(southern) as (south,):
        calls: list[Any] = [
            south.GetLearnerRecord(request(name=place.at.learner(f"l{each % 50}"), purpose=PURPOSE))
            for each in range(300)
        ]
        watches = await place.room(south, OF_ONE)
        for each in (*calls, *watches):
            each.cancel()
        ended = await asyncio.gather(*calls, return_exceptions=True)

        for each in await place.room(south, OF_ONE):
            each.cancel()
        assert await place.answers(south)
    assert {type(each) for each in ended} <= {asyncio.CancelledError, GetLearnerRecordResponse}
    lines = "select count(*) from records.disclosure where tenant = $1 and (told is null or recipient = '')"
    assert [tuple(each) for each in await looked_up(postgres, records, lines, place.at.tenant)] == [(0,)]


async def test_of_three_thousand_reads_at_once_each_is_answered(place: Place) -> None:
    async with place.at.stubs(place.at.southern.client(SOUTH), CONNECTIONS) as stubs, asyncio.timeout(TIME):
        calls = [place.answers(stubs[each % CONNECTIONS]) for each in range(BURST)]
        assert all(await asyncio.gather(*calls))


async def test_an_enormous_page_is_of_a_thousand(place: Place) -> None:
    request = ListEntriesRequest(parent=place.at.institution, page_size=2**31 - 1, purpose=PURPOSE)
    async with place.at.stubs(place.at.southern.client(SOUTH)) as (south,):
        page = await south.ListEntries(request)

    assert len(page.entries) == 1000
    assert page.next_page_token
