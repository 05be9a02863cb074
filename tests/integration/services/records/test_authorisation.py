# SPDX-License-Identifier: Apache-2.0
"""Every method of the contract, asked by everybody there is: who is answered stands in one table."""

import importlib
import json
import pkgutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

import cairn
from cairn.client.channel import open_channel
from cairn.client.partners import open_partners
from cairn.client.sharing import open_sharing
from tests.certificates import Authority, Issued
from tests.integration.services.records.tls_process import REGISTRY

OPERATORS, OWN, OTHERS = {"operator"}, {"operator", "own"}, {"operator", "own", "other"}
"""Operators alone; systems of the institution as well; other institutions under a basis as well."""
SERVED = ("cairn.records.v1.", "cairn.operations.v1.")
TABLE: dict[str, set[str]] = {
    "cairn.records.v1.RecordService.GetLearnerRecord": OTHERS,
    "cairn.records.v1.RecordService.GetEntry": OTHERS,
    "cairn.records.v1.RecordService.ListEntries": OTHERS,
    "cairn.records.v1.RecordService.WatchEntries": OTHERS,
    "cairn.records.v1.RecordService.ListDisclosures": OWN,
    "cairn.records.v1.PartnerService.PublishPartners": OPERATORS,
    "cairn.records.v1.PartnerService.ListPartners": OPERATORS,
    "cairn.records.v1.SharingService.GrantSharingBases": OPERATORS,
    "cairn.records.v1.SharingService.RevokeSharingBasis": OPERATORS,
    "cairn.records.v1.SharingService.ListSharingBases": OPERATORS,
}
OPERATED = ("cairn.operations.v1.OperationsService.",)
"""Services whose methods are all for operators alone."""
DENIED = grpc.StatusCode.PERMISSION_DENIED
TODAY = datetime.now(UTC).date()
DAY = timedelta(days=1)


def methods() -> Iterator[MethodDescriptor]:
    """Yield every method that the server of records has, from what the contracts were compiled to."""
    for found in pkgutil.walk_packages(cairn.__path__, "cairn."):
        if found.name.endswith("_service_pb2"):
            for service in importlib.import_module(found.name).DESCRIPTOR.services_by_name.values():
                if service.full_name.startswith(SERVED):
                    yield from service.methods


METHODS = {each.full_name: each for each in methods()}


def row(method: str) -> set[str]:
    """Return who is answered; a method without a row fails."""
    return OPERATORS if method.startswith(OPERATED) else TABLE[method]


def test_each_method_has_a_row_and_each_row_a_method() -> None:
    assert {name for name in METHODS if not name.startswith(OPERATED)} == set(TABLE)


def request_of(method: MethodDescriptor, tenant: str, purpose: str) -> Any:
    """Return a request about the institution or one learner of it, for what the method reads first."""
    request: Any = GetMessageClass(method.input_type)()
    for field in method.input_type.fields:
        if field.name in ("name", "parent"):
            entry = "/entries/00000000-0000-0000-0000-000000000000" if method.name == "GetEntry" else ""
            setattr(request, field.name, f"institutions/{tenant}/learners/l1{entry}")
        if field.name == "purpose":
            request.purpose = purpose
    return request


async def asked(channel: grpc.aio.Channel, method: MethodDescriptor, request: Any) -> grpc.StatusCode:
    """Call a method and return its status; of an answer that never ends the first part counts."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    codec = {
        "request_serializer": type(request).SerializeToString,
        "response_deserializer": GetMessageClass(method.output_type).FromString,
    }
    try:
        if method.server_streaming:
            async for _ in channel.unary_stream(path, **codec)(request, timeout=10):
                break
        else:
            await channel.unary_unary(path, **codec)(request, timeout=10)
    except grpc.aio.AioRpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


Channels = dict[str, grpc.aio.Channel]
IDENTITIES = {each: f"spiffe://south.example/{each}" for each in ("own", "other", "elsewhere", "stranger")}


@pytest.fixture
async def channels(address: str, tenant: str, ours: Authority, theirs: Authority) -> AsyncIterator[Channels]:
    """Open a channel for everybody, once the server knows them."""
    southern, operator = Authority("south"), theirs.client(REGISTRY).shown_to(ours)

    def document(partner: str, *, own: bool = False) -> str:
        known = {"partner": partner, "version": 1, "name": partner, "own": own}
        return json.dumps(known | {"identities": [IDENTITIES[partner]], "authorities": southern.pem.decode()})

    async with open_partners(address, tenant, "anna", tls=operator) as partners:
        await partners.publish({"own": document("own", own=True), "other": document("other")})
    async with open_partners(address, f"{tenant}x", "anna", tls=operator) as partners:
        await partners.publish({"elsewhere": document("elsewhere")})
    async with open_sharing(address, tenant, "anna", tls=operator) as sharing:
        await sharing.grant({each: basis(each) for each in ("admission", "later")})
    shown: dict[str, Issued] = {name: southern.client(uri) for name, uri in IDENTITIES.items()}
    async with AsyncExitStack() as opened:
        found = {
            name: await opened.enter_async_context(open_channel(address, each.shown_to(ours)))
            for name, each in shown.items()
        }
        found["operator"] = await opened.enter_async_context(open_channel(address, operator))
        unbelieved = Authority("south").client(IDENTITIES["own"])
        found["unbelieved"] = await opened.enter_async_context(
            open_channel(address, unbelieved.shown_to(ours))
        )
        await known(found["own"], tenant)
        yield found


def basis(purpose: str) -> str:
    """Return a basis for a purpose; one for later is not in force yet."""
    first = TODAY + DAY if purpose == "later" else TODAY - DAY
    return json.dumps(
        {
            "basis": purpose,
            "partner": "other",
            "purpose": purpose,
            "learner": "l1",
            "legal_basis": {"kind": "gdpr_contract"},
            "views": {view: ["*"] for view in ("learner_record", "entry", "entries")},
            "first_day": str(first),
            "last_day": str(TODAY + 2 * DAY),
            "time_zone": "UTC",
        }
    )


async def known(channel: grpc.aio.Channel, tenant: str) -> None:
    """Wait until the server has read who may ask."""
    method = METHODS["cairn.records.v1.RecordService.GetLearnerRecord"]
    for _ in range(100):
        if await asked(channel, method, request_of(method, tenant, "")) is grpc.StatusCode.OK:
            return
    raise AssertionError("the server did not come to know its partners")


async def test_who_is_answered_stands_in_the_table(channels: Channels, tenant: str) -> None:
    for name, method in METHODS.items():
        of_other = {"admission": "other" in row(name), "payment": False, "later": False, "": False}
        for purpose, answered in of_other.items():
            code = await asked(channels["other"], method, request_of(method, tenant, purpose))
            assert (code is not DENIED) is answered, (name, purpose, code)
        for who in ("operator", "own"):
            code = await asked(channels[who], method, request_of(method, tenant, ""))
            assert (code is not DENIED) is (who in row(name)), (name, who, code)
            assert code is not grpc.StatusCode.UNAVAILABLE
        for who in ("elsewhere", "stranger"):
            code = await asked(channels[who], method, request_of(method, tenant, "admission"))
            assert code is DENIED, (name, who, code)
    # Before any method: there is no connection.
    request = request_of(method, tenant, "admission")
    assert await asked(channels["unbelieved"], method, request) is grpc.StatusCode.UNAVAILABLE
