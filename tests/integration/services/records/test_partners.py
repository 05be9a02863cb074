# SPDX-License-Identifier: Apache-2.0
"""Partners are published in versions; what is told to one is told only under the newest."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import grpc
import pytest
from structlog.testing import capture_logs

from cairn.client.errors import CallError
from cairn.client.partners import PartnersClient, open_partners
from cairn.ids import LearnerId, TenantId
from cairn.records.v1.partner_service_pb2 import ListPartnersRequest
from cairn.records.v1.partner_service_pb2_grpc import PartnerServiceStub
from chassis.database import Pool, transaction
from chassis.operations.actions import latest
from chassis.operations.names import LATEST
from services.records.adapters.postgres_disclosures import PostgresDisclosures
from services.records.adapters.postgres_partners import PostgresPartners
from services.records.app.authority import PartnerReference, Permission
from services.records.app.disclosure import Disclosure
from tests.certificates import Authority
from tests.integration.services.records.asking import refused

if TYPE_CHECKING:
    from cairn.records.v1.partner_service_pb2_grpc import PartnerServiceAsyncStub

PEM = Authority("north").pem.decode()


def document(partner: str = "registry", version: int = 1, **changed: Any) -> str:
    values = {"partner": partner, "version": version, "name": partner.title(), "own": True} | {
        "identities": [f"spiffe://north/{partner}"],
        "authorities": PEM,
    }
    return json.dumps({key: value for key, value in (values | changed).items() if value is not None})


def withdrawn(partner: str, version: int) -> str:
    return document(partner, version, withdrawn=True, identities=None, authorities=None)


@pytest.fixture
async def client(port: int, tenant: str) -> AsyncIterator[PartnersClient]:
    async with open_partners(f"127.0.0.1:{port}", tenant, "anna") as client:
        yield client


@pytest.fixture
async def partners(port: int) -> AsyncIterator["PartnerServiceAsyncStub"]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield PartnerServiceStub(channel)


async def publish(client: PartnersClient, *documents: str) -> list[tuple[str, bool]]:
    answer = await client.publish({f"{number}.json": text for number, text in enumerate(documents)})
    return [
        (each.partner.name.partition("/partners/")[2], each.already_published) for each in answer.partners
    ]


async def test_the_newest_version_of_each_is_told(client: PartnersClient, serve: Pool, tenant: str) -> None:
    assert await publish(client, document(), document("library")) == [
        ("registry@1", False),
        ("library@1", False),
    ]
    assert await publish(client, withdrawn("registry", 2), document("library")) == [
        ("registry@2", False),
        ("library@1", True),
    ]

    known = [each async for each in client.partners()]

    assert [(each.partner_id, each.version, each.withdrawn) for each in known] == [
        ("library", 1, False),
        ("registry", 2, True),
    ]
    assert [each.identities for each in known] == [["spiffe://north/library"], []]
    async with transaction(serve, [TenantId(tenant)]) as connection:
        done = await latest(connection, LATEST, 10)
    assert [(each.operator, each.kind, each.subject.rpartition("/")[2]) for each in done] == [
        ("anna", "publish_partner", "registry@2"),
        ("anna", "publish_partner", "library@1"),
        ("anna", "publish_partner", "registry@1"),
    ]


async def test_pages_go_on_where_they_ended(
    client: PartnersClient, partners: "PartnerServiceAsyncStub", tenant: str
) -> None:
    await publish(client, *(document(f"p{number}") for number in range(5)))
    request = ListPartnersRequest(parent=f"institutions/{tenant}", page_size=2)
    seen: list[list[str]] = []
    while not seen or request.page_token:
        page = await partners.ListPartners(request)
        seen.append([each.partner_id for each in page.partners])
        request.page_token = page.next_page_token

    assert seen == [["p0", "p1"], ["p2", "p3"], ["p4"]]


async def test_other_content_under_a_published_version_is_refused(client: PartnersClient) -> None:
    await publish(client, document())

    with pytest.raises(CallError) as raised:
        await publish(client, document("library"), document(name="Another"))

    assert raised.value.reason == "VERSION_IMMUTABLE"
    assert [each.partner_id async for each in client.partners()] == ["registry"]


async def test_faults_are_named_by_document_and_nothing_is_published(client: PartnersClient) -> None:
    await publish(client, document(version=2))

    with pytest.raises(CallError) as raised:
        await publish(
            client,
            document("library", identities=["spiffe://north/registry"]),
            document(version=1),
            document("museum"),
        )

    assert [(each.field, each.description) for each in raised.value.violations] == [
        ("documents[0].identities", "0.json: must not be those of another partner"),
        ("documents[1].version", "1.json: must be above 2, the newest that is published"),
        ("documents[1].identities", "1.json: must not be those of another partner"),
    ]
    assert [each.partner_id async for each in client.partners()] == ["registry"]


async def test_of_two_who_publish_one_identity_at_once_one_is_refused(client: PartnersClient) -> None:
    """Nobody could tell whose calls they are."""
    tried = [document(f"p{number}", identities=["spiffe://north/x"]) for number in range(8)]

    ended = await asyncio.gather(*(publish(client, each) for each in tried), return_exceptions=True)

    assert sum(isinstance(each, list) for each in ended) == 1
    assert {each.reason for each in ended if isinstance(each, CallError)} == {"INVALID_FIELD"}
    assert len([each async for each in client.partners()]) == 1


@pytest.mark.parametrize("parent", ["", "institutions/", "institutions/a/learners/b"])
async def test_a_place_that_is_no_institution_is_refused(
    partners: "PartnerServiceAsyncStub", parent: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await partners.ListPartners(ListPartnersRequest(parent=parent))

    assert refused(raised.value).fields == ("parent",)


async def test_one_institution_does_not_see_the_partners_of_another(
    client: PartnersClient, port: int, tenant: str
) -> None:
    await publish(client, document())
    async with open_partners(f"127.0.0.1:{port}", f"{tenant}x", "anna") as other:
        assert [each async for each in other.partners()] == []
        assert await publish(other, document(name="Of the other")) == [("registry@1", False)]


async def test_nothing_is_disclosed_to_who_a_partner_no_longer_is(
    client: PartnersClient, serve: Pool, tenant: str
) -> None:
    await publish(client, document())
    store = PostgresDisclosures(serve)

    async def kept(partner: str, version: int) -> bool:
        permission = Permission("GetEntry", partner, "own", PartnerReference(partner, version))
        disclosure_id = uuid4()
        disclosure = Disclosure(
            tenant=TenantId(tenant), permission=permission, learner=LearnerId("l1"), asked={}, told={}
        )
        return disclosure_id in await store.keep([(disclosure_id, disclosure)])

    assert await kept("registry", 1)
    assert not await kept("registry", 2)
    assert not await kept("library", 1)
    await publish(client, withdrawn("registry", 2))
    assert not await kept("registry", 1)


async def test_an_authority_that_tls_could_take_for_another_is_refused(
    client: PartnersClient, port: int, tenant: str
) -> None:
    """Also one of another institution: it would keep that one's callers out."""
    name = f"authority of {tenant}"
    first, second, third = (Authority(name, identified=False).pem.decode() for _ in range(3))
    await publish(client, document(authorities=first))
    async with open_partners(f"127.0.0.1:{port}", f"{tenant}x", "anna") as other:
        with pytest.raises(CallError) as raised:
            await publish(other, document(authorities=second))
        (violation,) = raised.value.violations
        assert violation.field == "documents[0].authorities"
        assert "the name of another that is believed" in violation.description
        await publish(other, document(authorities=first))
    with pytest.raises(CallError) as raised:
        await publish(client, document("library", authorities=second), document("museum", authorities=third))
    assert {each.field for each in raised.value.violations} == {
        "documents[0].authorities",
        "documents[1].authorities",
    }


async def test_its_own_authority_may_be_exchanged_by_each_partner_of_it(
    client: PartnersClient, tenant: str
) -> None:
    name = f"authority of {tenant}"
    first, second = (Authority(name, identified=False).pem.decode() for _ in range(2))
    await publish(client, document(authorities=first), document("library", authorities=first))

    renewed = [document(each, 2, authorities=second) for each in ("registry", "library")]

    assert await publish(client, *renewed) == [("registry@2", False), ("library@2", False)]


async def test_what_only_a_newer_process_can_read_is_nobody_and_keeps_nobody_out(
    client: PartnersClient, serve: Pool, tenant: str
) -> None:
    await publish(client, document())
    async with transaction(serve, [TenantId(tenant)]) as connection:
        await connection.execute(
            "insert into records.partner_version (tenant, partner, version, hash, document)"
            " values ($1, 'museum', 1, 'x', $2)",
            tenant,
            document("museum", scopes=["record"]),
        )
        with capture_logs() as said:
            known = await PostgresPartners().everywhere(connection)
    assert any(authorities.certificates for authorities in known.bundles)
    told = [each for each in said if each.get("tenant") == tenant]
    assert [(each["event"], each["partner"]) for each in told] == [("partner not taken", "museum")]
    assert "spiffe" not in str(said)
