# SPDX-License-Identifier: Apache-2.0
"""Publishing rules over gRPC, on a real database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cairn.recognition.v1 import rule_service_pb2 as messages
from cairn.recognition.v1.rule_service_pb2_grpc import RuleServiceStub, add_RuleServiceServicer_to_server
from chassis.database import transaction
from chassis.health import Health
from chassis.operations.actions import latest
from chassis.operations.names import LATEST
from chassis.rpc.operators import OperatorsHere
from chassis.rpc.server import RpcServer
from services.recognition.adapters.grpc_rules import NAME, RuleService
from services.recognition.adapters.postgres_rules import PostgresRules
from services.recognition.domain.plain import PlainAllocator
from tests.integration.services.recognition.house import CERTIFICATE, DIPLOMA, STACK, House, module

if TYPE_CHECKING:
    # A name of the stubs alone; at run time there is one class for both.
    from cairn.recognition.v1.rule_service_pb2_grpc import RuleServiceAsyncStub


@asynccontextmanager
async def serving(house: House) -> AsyncIterator["RuleServiceAsyncStub"]:
    server = RpcServer([NAME], 0, Health())
    add_RuleServiceServicer_to_server(
        RuleService(house.serve, PostgresRules(), PlainAllocator(), OperatorsHere()), server.server
    )
    stop = asyncio.Event()
    running = asyncio.create_task(server.run(stop))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield RuleServiceStub(channel)
    stop.set()
    await running


def request(house: House, *texts: str, request_id: str = "") -> messages.PublishRulesRequest:
    documents = [
        messages.RuleDocument(name=f"{number}.yaml", document=text) for number, text in enumerate(texts)
    ]
    parent = f"institutions/{house.tenant}"
    return messages.PublishRulesRequest(
        parent=parent, documents=documents, request_id=request_id, operator="anna"
    )


async def refused(call: Awaitable[Any]) -> tuple[str, list[tuple[str, str]]]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    status = rpc_status.from_call(cast("grpc.Call", raised.value))
    assert status is not None
    info, broken = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(broken)
    return info.reason, [(each.field, each.description) for each in broken.field_violations]


async def test_documents_that_name_each_other_are_published_together_and_once(house: House) -> None:
    async with serving(house) as rules:
        first = await rules.PublishRules(request(house, *reversed(STACK)))
        again = await rules.PublishRules(request(house, *STACK))
        listed = await rules.ListRules(messages.ListRulesRequest(parent=f"institutions/{house.tenant}"))
    assert [each.already_published for each in first.rules] == [False] * 5
    assert [each.already_published for each in again.rules] == [True] * 5
    assert first.epoch == again.epoch == 1
    assert [each.rule_id for each in listed.rules] == ["certificate", "diploma", "m1", "m2", "m3"]
    assert {each.hash for each in listed.rules} == {each.rule.hash for each in first.rules}


async def test_pages_follow_each_other_and_a_rule_is_told_with_its_document(house: House) -> None:
    await house.publish(*STACK)
    parent = f"institutions/{house.tenant}"
    async with serving(house) as rules:
        seen, token = [], ""
        while True:
            page = await rules.ListRules(
                messages.ListRulesRequest(parent=parent, page_size=2, page_token=token)
            )
            seen.append([each.rule_id for each in page.rules])
            if not (token := page.next_page_token):
                break
        told = await rules.GetRule(messages.GetRuleRequest(name=f"{parent}/rules/m1"))
        missing = await refused(rules.GetRule(messages.GetRuleRequest(name=f"{parent}/rules/m1@9")))
        made_up = await refused(
            rules.ListRules(messages.ListRulesRequest(parent=parent, page_token="eEA5OTk5OTk5OTk5OQ=="))
        )
    assert seen == [["certificate", "diploma"], ["m1", "m2"], ["m3"]]
    assert told.rule.name == f"{parent}/rules/m1@1"
    assert '"rule":"m1"' in told.rule.document
    assert missing[0] == "NOT_FOUND"
    assert made_up[0] == "INVALID_PAGE_TOKEN"


async def test_other_content_under_a_published_version_is_refused(house: House) -> None:
    await house.publish(module("m1"))
    async with serving(house) as rules:
        other = module("m1").replace("amount: 60", "amount: 61")
        assert (await refused(rules.PublishRules(request(house, other))))[0] == "VERSION_IMMUTABLE"


async def test_a_request_id_stands_for_one_request(house: House) -> None:
    identity = str(uuid4())
    async with serving(house) as rules:
        first = await rules.PublishRules(request(house, module("m1"), request_id=identity))
        again = await rules.PublishRules(request(house, module("m1"), request_id=identity))
        other = await refused(rules.PublishRules(request(house, module("m2"), request_id=identity)))
    assert (first.epoch, again.epoch) == (1, 1)
    assert other[0] == "REQUEST_ID_REUSED"


async def test_nothing_is_published_while_anything_is_wrong(house: House) -> None:
    failing = module("m2").replace("expect: met", "expect: not_met")
    async with serving(house) as rules:
        reason, found = await refused(rules.PublishRules(request(house, module("m1"), failing)))
        assert (reason, [field for field, _ in found]) == (
            "INVALID_FIELD",
            ["documents[1].examples[0].expect"],
        )
        _, found = await refused(rules.PublishRules(request(house, CERTIFICATE)))
        assert found[0][0] == "documents[0].requirement"
        assert "no rule awards the credential m1" in found[0][1]
        _, found = await refused(rules.PublishRules(request(house, "rule: [", "x: 1\nx: 2", "a: 1")))
        assert [field for field, _ in found] == ["documents[0]", "documents[1]", "documents[2].a"]
        circle = DIPLOMA.replace("credential: certificate}", "credential: diploma}")
        _, found = await refused(rules.PublishRules(request(house, *STACK[:3], circle)))
        assert "in a circle: diploma" in found[0][1]
        listed = await rules.ListRules(messages.ListRulesRequest(parent=f"institutions/{house.tenant}"))
    assert list(listed.rules) == []


async def test_who_published_a_version_stays_on_record(house: House) -> None:
    async with serving(house) as stub:
        await stub.PublishRules(request(house, module("m1")))
        await stub.PublishRules(request(house, module("m1")))

    async with transaction(house.serve, [house.tenant]) as connection:
        done = await latest(connection, LATEST, 10)
    assert [(each.operator, each.kind) for each in done] == [("anna", "publish_rule")]
    assert done[0].subject.startswith(f"institutions/{house.tenant}/rules/")
