# SPDX-License-Identifier: Apache-2.0
"""The real server of records, asked by a system of an institution over mutual TLS."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import grpc
import pytest

from cairn.client.channel import open_channel
from cairn.records.v1.record_service_pb2 import WatchEntriesRequest, WatchEntriesResponse
from cairn.records.v1.record_service_pb2_grpc import RecordServiceStub
from deploy.local.provision import Provisioned
from tests.certificates import Authority, Issued
from tests.integration.command import Said
from tests.integration.services.records.tls_process import REGISTRY, Run

if TYPE_CHECKING:
    from cairn.records.v1.record_service_pb2_grpc import RecordServiceAsyncStub

LIBRARY = "spiffe://north.example/library"
# A new bundle is there a second after it was published.
PATIENCE = 15.0


@pytest.fixture
def northern() -> Authority:
    return Authority("north")


@pytest.fixture
def operator(theirs: Authority) -> Issued:
    return theirs.client(REGISTRY)


async def applied(run: Run, operator: Issued, tmp_path: Path, **said: object) -> None:
    path = tmp_path / "library.json"
    path.write_text(json.dumps({"partner": "library", "name": "Library", "own": True} | said))
    code, _, troubled = await run(operator, "partners", "apply", str(path))
    assert (code, troubled) == (0, "")


async def welcomed(run: Run, shown: Issued) -> Said:
    """Ask until the server has read who may ask."""
    async with asyncio.timeout(PATIENCE):
        while (said := await run(shown, "record", "show", "l1", "--json"))[0] != 0:
            pass
    return said


async def test_an_institution_reads_its_own_record(
    run: Run,
    operator: Issued,
    tmp_path: Path,
    tenant: str,
    postgres: str,
    records: Provisioned,
    northern: Authority,
    theirs: Authority,
) -> None:
    shown = northern.client(LIBRARY)
    assert (await run(shown, "record", "show", "l1"))[0] == 1
    pem = northern.pem.decode()
    await applied(run, operator, tmp_path, version=1, identities=[LIBRARY], authorities=pem)

    _, told, troubled = await welcomed(run, shown)

    assert troubled == ""
    connection = await asyncpg.connect(postgres, database=records.database)
    disclosed = await connection.fetch(
        """select disclosure_id::text, recipient, legal_basis, partner, partner_version
        from records.disclosure where tenant = $1""",
        tenant,
    )
    await connection.close()
    basis = "the institution's own record"
    known = (json.loads(told)["disclosure_id"], "library@1", basis, "library", 1)
    assert [tuple(each) for each in disclosed] == [known]
    _, listed, _ = await run(shown, "disclosures", "l1", "--json")
    (disclosure,) = json.loads(listed)
    assert disclosure["partner"] == f"institutions/{tenant}/partners/library@1"
    assert "library@1" in (await run(shown, "disclosures", "l1"))[1]
    wanted = "the caller is no operator of this service"
    for said in (
        await run(shown, "record", "show", "l1", tenant=f"{tenant}x"),
        await run(northern.client(f"{LIBRARY}/x"), "record", "show", "l1"),
        await run(theirs.client(LIBRARY), "record", "show", "l1"),
        await run(shown, "partners", "list"),
        await run(northern.client(REGISTRY), "record", "show", "l1"),
    ):
        assert said[:2] == (1, "")
        assert wanted in said[2]


async def test_who_is_withdrawn_is_told_nothing_more(
    run: Run,
    operator: Issued,
    tmp_path: Path,
    tenant: str,
    ours: Authority,
    northern: Authority,
    address: str,
) -> None:
    shown, pem = northern.client(LIBRARY), northern.pem.decode()
    await applied(run, operator, tmp_path, version=1, identities=[LIBRARY], authorities=pem)
    await welcomed(run, shown)
    async with open_channel(address, shown.shown_to(ours)) as channel:
        stub: RecordServiceAsyncStub = RecordServiceStub(channel)
        watching = WatchEntriesRequest(parent=f"institutions/{tenant}", after_position=0)
        assert [each.disclosure_id async for each in _first(stub, watching)]

        await applied(run, operator, tmp_path, version=2, withdrawn=True)

        with pytest.raises(grpc.aio.AioRpcError) as raised:
            [each async for each in _first(stub, watching)]
        # Until the process has read it, the database does not let the disclosure stand.
        assert raised.value.code() in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAVAILABLE}
    async with asyncio.timeout(PATIENCE):
        while "failed to connect" not in (said := await run(shown, "record", "show", "l1"))[2]:
            assert said[:2] == (1, "")


async def _first(
    stub: "RecordServiceAsyncStub", watching: WatchEntriesRequest
) -> AsyncIterator[WatchEntriesResponse]:
    """Yield the first answer of a watch, on a connection that was let in before."""
    async with asyncio.timeout(PATIENCE):
        async for each in stub.WatchEntries(watching):
            yield each
            return
