# SPDX-License-Identifier: Apache-2.0
"""Policies over gRPC: published for good, told in pages, refused with place and reason."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cairn.assessment.v1 import policy_service_pb2 as messages
from cairn.assessment.v1.policy_service_pb2_grpc import (
    PolicyServiceStub,
    add_PolicyServiceServicer_to_server,
)
from chassis.database import transaction
from chassis.health import Health
from chassis.operations.actions import latest
from chassis.operations.names import LATEST
from chassis.rpc.operators import OperatorsHere
from chassis.rpc.server import RpcServer
from services.assessment.adapters.grpc_policies import NAME, PolicyService
from services.assessment.adapters.postgres_policies import PostgresPolicies
from tests.integration.services.assessment.house import POLICY, House

if TYPE_CHECKING:  # a name that the generated stubs have only for type checkers
    from cairn.assessment.v1.policy_service_pb2_grpc import PolicyServiceAsyncStub


@pytest.fixture
async def stub(shared: House) -> AsyncIterator["PolicyServiceAsyncStub"]:
    server = RpcServer([NAME], 0, Health())
    add_PolicyServiceServicer_to_server(
        PolicyService(shared.serve, PostgresPolicies(), OperatorsHere()), server.server
    )
    stop = asyncio.Event()
    task = asyncio.create_task(server.run(stop))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield PolicyServiceStub(channel)
    stop.set()
    await task


def _request(house: House, *documents: str, request_id: str = "") -> messages.PublishPoliciesRequest:
    return messages.PublishPoliciesRequest(
        parent=f"institutions/{house.tenant}",
        documents=[messages.PolicyDocument(name="a.yaml", document=text) for text in documents],
        request_id=request_id,
        operator="anna",
    )


async def _refusal(call: Awaitable[Any]) -> tuple[str, list[tuple[str, str]]]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    # grpc_status reads what an AioRpcError has too, and its types do not say so.
    status = rpc_status.from_call(refused.value)  # type: ignore[arg-type]
    assert status is not None
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    return info.reason, [(each.field, each.description) for each in bad.field_violations]


async def test_a_version_is_published_once_and_for_good(
    shared: House, stub: "PolicyServiceAsyncStub"
) -> None:
    first = await stub.PublishPolicies(_request(shared, POLICY))
    assert (first.epoch, first.policies[0].already_published) == (1, False)
    rewritten = POLICY.replace('"0.40"', '"0.4"')
    again = await stub.PublishPolicies(_request(shared, rewritten))
    assert (again.epoch, again.policies[0].already_published) == (1, True)
    assert again.policies[0].policy.hash == first.policies[0].policy.hash
    other = POLICY.replace('"0.40"', '"0.41"')
    assert (await _refusal(stub.PublishPolicies(_request(shared, other))))[0] == "VERSION_IMMUTABLE"
    second = await stub.PublishPolicies(_request(shared, other.replace("version: 1", "version: 2")))
    assert second.epoch == 2
    stolen = POLICY.replace("policy: algebra", "policy: geometry")
    reason, violations = await _refusal(stub.PublishPolicies(_request(shared, stolen)))
    assert (reason, violations[0][0]) == ("INVALID_FIELD", "competency")


async def test_an_unknown_key_is_told_with_its_place_and_the_nearest(
    shared: House, stub: "PolicyServiceAsyncStub"
) -> None:
    misspelt = POLICY.replace("weight:", "wieght:", 1).replace("threshold:", "treshold:")
    reason, violations = await _refusal(stub.PublishPolicies(_request(shared, POLICY, misspelt)))
    assert reason == "INVALID_FIELD"
    told = dict(violations)
    assert "weight" in told["documents[1].activities[0].wieght"]
    assert "threshold" in told["documents[1].treshold"]
    assert "documents[1].threshold" in told
    listed = await stub.ListPolicies(messages.ListPoliciesRequest(parent=f"institutions/{shared.tenant}"))
    assert not listed.policies


async def test_a_request_id_stands_for_one_request(shared: House, stub: "PolicyServiceAsyncStub") -> None:
    request_id = str(uuid4())
    await stub.PublishPolicies(_request(shared, POLICY, request_id=request_id))
    again = await stub.PublishPolicies(_request(shared, POLICY, request_id=request_id))
    assert (again.epoch, again.policies[0].already_published) == (1, True)
    second = POLICY.replace("version: 1", "version: 2")
    call = stub.PublishPolicies(_request(shared, second, request_id=request_id))
    assert (await _refusal(call))[0] == "REQUEST_ID_REUSED"


async def test_versions_are_told_in_pages_and_by_name(shared: House, stub: "PolicyServiceAsyncStub") -> None:
    versions = [POLICY.replace("version: 1", f"version: {number}") for number in (1, 2, 3)]
    await stub.PublishPolicies(_request(shared, *versions))
    parent, token, found = f"institutions/{shared.tenant}", "", []
    while True:
        page = await stub.ListPolicies(
            messages.ListPoliciesRequest(parent=parent, page_size=2, page_token=token)
        )
        found += [policy.version for policy in page.policies]
        token = page.next_page_token
        if not token:
            break
    assert found == [1, 2, 3]
    newest = await stub.GetPolicy(messages.GetPolicyRequest(name=f"{parent}/policies/algebra"))
    assert newest.policy.name == f"{parent}/policies/algebra@3"
    assert '"threshold":"2/5"' in newest.policy.document
    missing = stub.GetPolicy(messages.GetPolicyRequest(name=f"{parent}/policies/algebra@9"))
    assert (await _refusal(missing))[0] == "NOT_FOUND"
    wrong = stub.ListPolicies(messages.ListPoliciesRequest(parent=parent, page_token="x"))
    assert (await _refusal(wrong))[0] == "INVALID_PAGE_TOKEN"


async def test_who_published_a_version_stays_on_record(shared: House, stub: "PolicyServiceAsyncStub") -> None:
    await stub.PublishPolicies(_request(shared, POLICY))
    await stub.PublishPolicies(_request(shared, POLICY))
    await stub.PublishPolicies(_request(shared, POLICY.replace("version: 1", "version: 2")))

    async with transaction(shared.serve, [shared.tenant]) as connection:
        done = await latest(connection, LATEST, 10)
    assert [(each.operator, each.kind, each.subject.rpartition("@")[2]) for each in done] == [
        ("anna", "publish_policy", "2"),
        ("anna", "publish_policy", "1"),
    ]


async def test_who_publishes_must_say_who_it_is(shared: House, stub: "PolicyServiceAsyncStub") -> None:
    unsigned = _request(shared, POLICY)
    unsigned.operator = ""

    reason, violations = await _refusal(stub.PublishPolicies(unsigned))

    assert (reason, [field for field, _ in violations]) == ("INVALID_FIELD", ["operator"])
