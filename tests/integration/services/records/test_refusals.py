# SPDX-License-Identifier: Apache-2.0
"""The gRPC door refuses each bad input as docs/refusals.md says, tells of no learner and goes on."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cairn.client.partners import open_partners
from cairn.events.decision import DecisionKind
from chassis.database import open_pool
from deploy.local.provision import Provisioned
from tests.certificates import Authority
from tests.contract.refusals import refused_inputs
from tests.integration.services.records.feeding import feed, life, sequence
from tests.integration.services.records.neighbours import SOUTH, Neighbours, looked_up, partner
from tests.integration.services.records.refusing import CASES, MARK, WEST, Asked
from tests.integration.services.records.tls_process import REGISTRY, serving_over_tls

LOGGED = {"an entry that is not there", "an after_position behind the record's end"}
"""What is answered to that tells something, and is logged like an answer."""
BEGUN = {
    "a page token of another list",
    "a page token that was altered",
    "one watch more than a caller or the process may have open",
}
"""What follows on an answer."""
LINES = "select recipient, purpose, learner, asked, told from records.disclosure where tenant = $1"
# As old as it could not be granted any more.
OVER = """
insert into records.sharing_basis (
    tenant, basis, partner, purpose, learner, views, starts_at, ends_at, clause, notice, hash, document,
    granted_by
)
select tenant, 'over', partner, 'alumni', learner, views, starts_at, now() - interval '1 hour', clause,
    notice, hash, document, granted_by
from records.sharing_basis where tenant = $1 and basis = 'admission'
"""


@pytest.fixture(scope="module")
async def asked(
    records: Provisioned,
    broker: str,
    postgres: str,
    ours: Authority,
    theirs: Authority,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Asked]:
    """Serve an institution that knows two others; at the end nothing is half-written and no log told."""
    tenant, folder = f"t{uuid4().hex[:10]}", tmp_path_factory.mktemp("refusals")
    await _fed(records, tenant)
    limits = {"RECORDS_WATCHES_OF_ONE": "1"}
    async with serving_over_tls(records, broker, ours, theirs, folder, **limits) as serving:
        at = Neighbours(serving.address, tenant, ours, theirs.client(REGISTRY), Authority("south"))
        async with _introduced(at) as found:
            await looked_up(postgres, records, OVER, tenant)
            yield found
    said = "".join(serving.running.said)
    assert MARK not in said
    assert "call failed" not in said
    lines = await looked_up(postgres, records, LINES, tenant)
    assert all(json.loads(line["told"]) and json.loads(line["asked"]) is not None for line in lines)
    versions = "select partner, version from records.partner_version where tenant = $1 order by partner"
    assert [tuple(each) for each in await looked_up(postgres, records, versions, tenant)] == [
        ("south", 1),
        ("west", 1),
    ]
    bases = "select basis from records.sharing_basis where tenant = $1 order by basis"
    assert [each for (each,) in await looked_up(postgres, records, bases, tenant)] == [
        "admission",
        "over",
        "payroll",
    ]


async def _fed(records: Provisioned, tenant: str) -> None:
    pools = [await open_pool(records.dsns[role], 2) for role in ("consume", "schedule")]
    kinds = (DecisionKind.CONFERRED, DecisionKind.UNDER_REVIEW)
    await feed(pools[0], [*life(tenant, MARK, *kinds), *life(tenant, "l1", *kinds)])
    await sequence(pools[1])
    for pool in pools:
        await pool.close()


@asynccontextmanager
async def _introduced(at: Neighbours) -> AsyncIterator[Asked]:
    western = Authority("west")
    tls = at.operator.shown_to(at.ours)
    async with open_partners(at.address, at.tenant, "anna", tls=tls) as partners:
        await partners.publish({"west": partner("west", WEST, western.pem.decode())})
    await at.meet(admission=True, payroll=False)
    async with AsyncExitStack() as opened:
        south = await opened.enter_async_context(at.channel(at.southern.client(SOUTH)))
        yield Asked(at, western, south, await opened.enter_async_context(at.channel(at.operator)))


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """Return the reason of an error of ours; gRPC's own have none."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # it reads what both kinds of call have
    info = error_details_pb2.ErrorInfo()
    if status is None or not status.details[0].Unpack(info):
        return ""
    assert info.domain == "cairn.dev"
    return info.reason


@pytest.mark.parametrize("sent", CASES)
async def test_what_is_refused_is_refused_as_the_page_says(
    asked: Asked, records: Provisioned, postgres: str, sent: str
) -> None:
    before = len(await looked_up(postgres, records, LINES, asked.at.tenant))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await CASES[sent](asked)
    after = len(await looked_up(postgres, records, LINES, asked.at.tenant))

    assert (refused.value.code().name, reason_of(refused.value)) == refused_inputs()[sent]
    told = f"{refused.value!r} {refused.value.trailing_metadata()!r}"
    assert MARK not in told
    assert after - before == len({sent} & (LOGGED | BEGUN))
    assert await asked.record(asked.south)


def test_the_page_has_a_row_for_each_and_for_nothing_else() -> None:
    assert set(refused_inputs()) == set(CASES)
