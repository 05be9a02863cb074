# SPDX-License-Identifier: Apache-2.0
"""The server is killed in the midst of a thousand reads: no answer is without its line in the log (I8)."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import grpc

from cairn.events.decision import DecisionKind
from cairn.records.v1.record_service_pb2 import GetLearnerRecordRequest
from chassis.database import Pool
from deploy.local.provision import Provisioned
from tests.certificates import Authority
from tests.integration.services.records.feeding import feed, made
from tests.integration.services.records.neighbours import (
    PATIENCE,
    PURPOSE,
    RIGHT,
    SOUTH,
    Neighbours,
    looked_up,
)
from tests.integration.services.records.tls_process import REGISTRY, serving_over_tls

if TYPE_CHECKING:
    from cairn.records.v1.record_service_pb2_grpc import RecordServiceAsyncStub

READERS, CONNECTIONS, LEARNERS = 1000, 10, 20
# Each reader asks again as soon as it is answered: whenever the process ends, a thousand calls are under way.
ANSWERS_BEFORE = 1500
LINES = """
select disclosure_id, learner, recipient, partner, partner_version, legal_basis, purpose, sharing_basis,
    method, asked, told
from records.disclosure where tenant = $1
"""
SESSIONS = "select pid from pg_stat_activity where datname = current_database() and usename = $1"


@dataclass(slots=True)
class Reads:
    """What a thousand readers were answered until their connection was gone."""

    answered: dict[UUID, str] = field(default_factory=dict)
    failed: list[grpc.StatusCode] = field(default_factory=list)
    under_way: asyncio.Event = field(default_factory=asyncio.Event)

    async def go_on(self, stub: "RecordServiceAsyncStub", name: str) -> None:
        """Read a record again and again, until that fails."""
        request = GetLearnerRecordRequest(name=name, purpose=PURPOSE)
        while True:
            try:
                answer = await stub.GetLearnerRecord(request)
            except grpc.aio.AioRpcError as error:
                self.failed.append(error.code())
                return
            assert answer.record.name == name
            self.answered[UUID(answer.disclosure_id)] = name.rpartition("/")[2]
            if len(self.answered) >= ANSWERS_BEFORE:
                self.under_way.set()


async def test_no_answer_is_without_its_line_when_the_process_is_killed(
    records: Provisioned,
    broker: str,
    postgres: str,
    consume: Pool,
    tenant: str,
    ours: Authority,
    theirs: Authority,
    tmp_path: Path,
) -> None:
    southern, reads = Authority("south"), Reads()
    await feed(consume, [made(tenant, f"l{each}", DecisionKind.CONFERRED, 1) for each in range(LEARNERS)])

    async with serving_over_tls(records, broker, ours, theirs, tmp_path) as serving:
        asked = Neighbours(serving.address, tenant, ours, theirs.client(REGISTRY), southern)
        await asked.meet(admission=False)
        before = {line["disclosure_id"] for line in await looked_up(postgres, records, LINES, tenant)}
        async with asked.stubs(southern.client(SOUTH), CONNECTIONS) as stubs:
            readers = [
                asyncio.create_task(
                    reads.go_on(stubs[each % CONNECTIONS], asked.learner(f"l{each % LEARNERS}"))
                )
                for each in range(READERS)
            ]
            async with asyncio.timeout(PATIENCE):
                await reads.under_way.wait()
            serving.running.process.kill()
            await asyncio.wait_for(asyncio.gather(*readers), PATIENCE)
        await serving.running.process.wait()

    lines = await _settled(postgres, records, tenant)
    whose = {line["disclosure_id"]: line["learner"] for line in lines}
    assert len(reads.answered) >= ANSWERS_BEFORE
    assert Counter(reads.failed) == {grpc.StatusCode.UNAVAILABLE: READERS}
    assert {each: whose.get(each) for each in reads.answered} == reads.answered
    # What was committed and not answered any more was at most what was under way.
    assert len(whose.keys() - before - reads.answered.keys()) <= READERS
    for line in lines:
        assert tuple(line)[2:9] == ("south@1", "south", 1, RIGHT, PURPOSE, PURPOSE, "GetLearnerRecord")
        assert json.loads(line["asked"]) == {}
        assert json.loads(line["told"]).keys() >= {"entries"}

    async with serving_over_tls(records, broker, ours, theirs, tmp_path) as serving:
        asked = Neighbours(serving.address, tenant, ours, theirs.client(REGISTRY), southern)
        await asked.known(PURPOSE)
        async with asked.stubs(southern.client(SOUTH)) as (stub,):
            answer = await stub.GetLearnerRecord(
                GetLearnerRecordRequest(name=asked.learner("l7"), purpose=PURPOSE)
            )
    assert [award.credential for award in answer.record.awards]
    found = await looked_up(postgres, records, LINES, tenant)
    assert UUID(answer.disclosure_id) in {line["disclosure_id"] for line in found}


async def _settled(postgres: str, records: Provisioned, tenant: str) -> list[asyncpg.Record]:
    """Return the lines once the database has noticed that the process is gone."""
    async with asyncio.timeout(PATIENCE):
        while await looked_up(postgres, records, SESSIONS, "cairn_records_serve"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return await looked_up(postgres, records, LINES, tenant)
