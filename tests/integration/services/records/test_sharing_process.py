# SPDX-License-Identifier: Apache-2.0
"""The real server of records, asked by another institution over mutual TLS."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from cairn.client.channel import open_channel
from cairn.events.decision import Credit, DecisionKind
from cairn.records.v1.record_service_pb2 import (
    GetLearnerRecordRequest,
    GetLearnerRecordResponse,
    ListEntriesRequest,
    WatchEntriesRequest,
)
from cairn.records.v1.record_service_pb2_grpc import RecordServiceStub
from chassis.database import Pool
from tests.certificates import Authority, Issued
from tests.integration.services.records.asking import refused
from tests.integration.services.records.feeding import feed, life, sequence
from tests.integration.services.records.tls_process import REGISTRY, Run

if TYPE_CHECKING:
    from cairn.records.v1.record_service_pb2_grpc import RecordServiceAsyncStub

SOUTH = "spiffe://south.example/admissions"
TODAY = datetime.now(UTC).date()
DAY = timedelta(days=1)
PATIENCE = 15.0
CREDITS = (Credit(amount=Fraction(15), system="ects"),)
VIEWS = {
    "learner_record": ["awards.*.title", "awards.*.credits", "entries.*.kind", "credits"],
    "entries": ["kind", "credits", "hash"],
}
CONSENT = {
    "kind": "ferpa_consent",
    "records": "credits and titles of all awards",
    "signed_on": str(TODAY - DAY),
    "signature": "electronic",
}


@pytest.fixture
def southern() -> Authority:
    return Authority("south")


@pytest.fixture
def operator(theirs: Authority) -> Issued:
    return theirs.client(REGISTRY)


@pytest.fixture
def shown(southern: Authority) -> Issued:
    return southern.client(SOUTH)


async def applied(run: Run, operator: Issued, tmp_path: Path, southern: Authority) -> None:
    partner = {"partner": "south", "version": 1, "name": "South", "identities": [SOUTH]}
    path = tmp_path / "south.json"
    path.write_text(json.dumps(partner | {"authorities": southern.pem.decode()}))
    assert (await run(operator, "partners", "apply", str(path)))[0] == 0


async def granted(run: Run, operator: Issued, tmp_path: Path, **changed: Any) -> None:
    basis: dict[str, Any] = {"basis": "b1", "partner": "south", "purpose": "admission", "learner": "l1"} | {
        "legal_basis": CONSENT,
        "views": VIEWS,
        "first_day": str(TODAY - DAY),
        "last_day": str(TODAY + DAY),
        "time_zone": "UTC",
    }
    path = tmp_path / "basis.json"
    path.write_text(json.dumps({k: v for k, v in (basis | changed).items() if v is not None}))
    code, _, troubled = await run(operator, "sharing", "grant", str(path))
    assert (code, troubled) == (0, "")


async def welcomed(run: Run, shown: Issued) -> Mapping[str, Any]:
    """Ask until the server has read who may ask."""
    async with asyncio.timeout(PATIENCE):
        while (said := await run(shown, "record", "show", "l1", "--purpose", "admission", "--json"))[0] != 0:
            pass
    found: Mapping[str, Any] = json.loads(said[1])
    return found


async def test_another_institution_is_told_what_its_basis_holds_and_no_more(
    run: Run,
    operator: Issued,
    shown: Issued,
    southern: Authority,
    tmp_path: Path,
    consume: Pool,
    schedule: Pool,
    tenant: str,
) -> None:
    await feed(consume, life(tenant, "l1", DecisionKind.CONFERRED, credits=CREDITS))
    await sequence(schedule)
    await applied(run, operator, tmp_path, southern)
    await granted(run, operator, tmp_path)

    told = await welcomed(run, shown)

    record = told["record"]
    assert said(record) == {"name", "awards", "entries", "credits", "recorded_as_of"}
    assert [said(award) for award in record["awards"]] == [{"title", "credits"}]
    assert [said(entry) for entry in record["entries"]] == [{"kind"}]
    assert "34 CFR 99.33" in told["notice"]
    whole = await run(operator, "record", "show", "l1", "--json")
    assert json.loads(whole[1])["record"]["credits"] == record["credits"]
    assert "34 CFR 99.33" in (await run(shown, "record", "show", "l1", "--purpose", "admission"))[1]
    _, listed, _ = await run(operator, "disclosures", "l1", "--json")
    logged = [each for each in json.loads(listed) if each["disclose_time"] and each.get("sharing_basis")]
    assert {each["disclosure_id"] for each in [told]} <= {each["name"].rpartition("/")[2] for each in logged}
    assert {(each["purpose"], each["legal_basis"], each["recipient"]) for each in logged} == {
        ("admission", "ferpa_consent", "south@1")
    }
    assert logged[0]["sharing_basis"] == f"institutions/{tenant}/sharingBases/b1"
    _, shown_to, _ = await run(operator, "sharing", "list", "--learner", "l1")
    assert "south" in shown_to


def said(message: Mapping[str, Any]) -> set[str]:
    """Return what is not empty of a message, of which the command shows all."""
    return {name for name, value in message.items() if value and not str(value).endswith("UNSPECIFIED")}


async def test_a_refusal_is_the_same_whoever_is_asked_about(
    run: Run,
    operator: Issued,
    shown: Issued,
    southern: Authority,
    tmp_path: Path,
    consume: Pool,
    tenant: str,
    ours: Authority,
    address: str,
) -> None:
    await feed(
        consume, [*life(tenant, "l1", DecisionKind.CONFERRED), *life(tenant, "l2", DecisionKind.CONFERRED)]
    )
    await applied(run, operator, tmp_path, southern)
    await granted(run, operator, tmp_path)
    await welcomed(run, shown)
    async with open_channel(address, shown.shown_to(ours)) as channel:
        stub: RecordServiceAsyncStub = RecordServiceStub(channel)
        refusals = [
            await refusal(stub, name=f"institutions/{tenant}/learners/{learner}", purpose=purpose)
            for learner, purpose in (
                ("l2", "admission"),
                ("unknown", "admission"),
                ("l1", "payment"),
                ("l1", ""),
                ("l1", "Not A Purpose"),
                ("l1/entries/x", "payment"),
                ("-", "admission"),
                ("No Learner", "admission"),
            )
        ]
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.ListEntries(ListEntriesRequest(parent=f"institutions/{tenant}", purpose="admission"))
        refusals.append(raised.value)

    assert {each.code() for each in refusals} == {grpc.StatusCode.PERMISSION_DENIED}
    assert len({each.details() for each in refusals}) == 1
    assert len({status_bytes(each) for each in refusals}) == 1


async def refusal(stub: "RecordServiceAsyncStub", **request: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.GetLearnerRecord(GetLearnerRecordRequest(**request))
    return raised.value


def status_bytes(error: grpc.aio.AioRpcError) -> object:
    return dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")


async def test_a_call_may_ask_for_less_and_never_for_more(
    run: Run,
    operator: Issued,
    shown: Issued,
    southern: Authority,
    tmp_path: Path,
    consume: Pool,
    schedule: Pool,
    tenant: str,
    ours: Authority,
    address: str,
) -> None:
    await feed(consume, life(tenant, "l1", DecisionKind.CONFERRED, credits=CREDITS))
    await sequence(schedule)
    await applied(run, operator, tmp_path, southern)
    await granted(run, operator, tmp_path)
    await welcomed(run, shown)
    name = f"institutions/{tenant}/learners/l1"
    async with open_channel(address, shown.shown_to(ours)) as channel:
        stub: RecordServiceAsyncStub = RecordServiceStub(channel)

        async def asked(*paths: str, **more: Any) -> GetLearnerRecordResponse:
            request = GetLearnerRecordRequest(name=name, purpose="admission", **more)
            request.read_mask.paths.extend(paths)
            return await stub.GetLearnerRecord(request)

        less = await asked("credits", "chain_head")
        nothing = await asked("chain_head")
        page = await stub.ListEntries(ListEntriesRequest(parent=name, purpose="admission"))
        chunk = await anext(aiter(stub.WatchEntries(WatchEntriesRequest(parent=name, purpose="admission"))))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await asked("marks")
        with pytest.raises(grpc.aio.AioRpcError) as of_the_past:
            await asked(recorded_as_of=datetime.now(UTC))
        await granted(run, operator, tmp_path, basis="b2", history=True)
        await asyncio.sleep(1.1)  # for as long as a server remembers the former basis
        in_the_past = await asked("credits", recorded_as_of=datetime.now(UTC))

    assert fields(less.record) == fields(in_the_past.record) == {"name", "credits", "recorded_as_of"}
    assert refused(of_the_past.value).fields == ("recorded_as_of",)
    assert fields(nothing.record) == {"name", "recorded_as_of"}
    assert [fields(each) for each in page.entries] == [{"kind", "credits", "hash"}]
    assert [fields(each) for each in chunk.entries] == [{"kind", "credits", "hash"}]
    assert chunk.position == 1
    assert "99.33" in chunk.notice
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def fields(message: Any) -> set[str]:
    return {field.name for field, _ in message.ListFields()}


async def test_a_watch_ends_with_its_basis_also_where_nothing_comes(
    run: Run,
    operator: Issued,
    shown: Issued,
    southern: Authority,
    tmp_path: Path,
    tenant: str,
    ours: Authority,
    address: str,
) -> None:
    await applied(run, operator, tmp_path, southern)
    await granted(run, operator, tmp_path)
    await welcomed(run, shown)
    parent = f"institutions/{tenant}/learners/l1"
    async with open_channel(address, shown.shown_to(ours)) as channel:
        stub: RecordServiceAsyncStub = RecordServiceStub(channel)
        watch = stub.WatchEntries(WatchEntriesRequest(parent=parent, purpose="admission"))
        first: Any = await watch.read()

        code, said, _ = await run(operator, "sharing", "revoke", "b1", "--reason", "the learner said so")

        assert (code, "is revoked" in said) == (0, True)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await ended(watch)
        assert first.disclosure_id
        assert raised.value.code() in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAVAILABLE}
    async with asyncio.timeout(PATIENCE):
        while (
            "no sharing basis" not in (await run(shown, "record", "show", "l1", "--purpose", "admission"))[2]
        ):
            pass
    _, bases, _ = await run(operator, "sharing", "list")
    assert "the learner said so" in " ".join(bases.split())


async def ended(watch: Any) -> None:
    """Read a watch to its end."""
    async with asyncio.timeout(PATIENCE):
        while await watch.read():
            pass
