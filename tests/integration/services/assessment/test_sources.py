# SPDX-License-Identifier: Apache-2.0
"""Credentials of platforms: issued beside each other, ended for good, told once and kept as digests."""

import asyncio
import json
from collections.abc import AsyncIterator

import asyncpg
import pytest

from cairn.assessment.v1.source_service_pb2_grpc import add_SourceServiceServicer_to_server
from cairn.client.errors import CallError
from cairn.client.sources import SourcesClient, open_sources
from chassis.database import transaction
from chassis.health import Health
from chassis.operations.actions import latest
from chassis.operations.names import LATEST
from chassis.rpc.operators import OperatorsHere
from chassis.rpc.server import RpcServer
from services.assessment.adapters import postgres_credentials
from services.assessment.adapters.grpc_sources import NAME, SourceService
from services.assessment.app.credentials import MOST_HELD, Credentials
from tests.integration.services.assessment.house import STRUCTURED, House, native


@pytest.fixture
async def address(shared: House) -> AsyncIterator[str]:
    server = RpcServer([NAME], 0, Health())
    service = SourceService(shared.serve, {shared.source.name: shared.source}, OperatorsHere())
    add_SourceServiceServicer_to_server(service, server.server)
    stop = asyncio.Event()
    task = asyncio.create_task(server.run(stop))
    yield f"127.0.0.1:{server.port}"
    stop.set()
    await task


@pytest.fixture
async def client(shared: House, address: str) -> AsyncIterator[SourcesClient]:
    async with open_sources(address, shared.tenant, "anna") as client:
        yield client


async def held(house: House) -> Credentials:
    async with house.serve.acquire() as connection:
        return await postgres_credentials.read(connection)


async def test_two_credentials_are_none(client: SourcesClient, shared: House) -> None:
    secret = (await client.issue(shared.source.name)).secret
    credentials = await held(shared)
    sent = [("authorization", f"Bearer {secret}"), ("authorization", f"Bearer {secret}")]
    async with shared.client(credentials=lambda: credentials) as door:
        assert (await door.post(shared.path, content=b"x", headers=sent)).status_code == 401
        assert (await door.post(shared.path + "/", content=b"x")).status_code == 404


async def post(house: House, secret: str, credentials: Credentials) -> tuple[int, dict[str, str]]:
    headers = {"content-type": STRUCTURED} | ({"authorization": f"Bearer {secret}"} if secret else {})
    async with house.client(credentials=lambda: credentials) as client:
        answer = await client.post(house.path, content=json.dumps(native(1)).encode(), headers=headers)
        assert (await client.get("/openapi.json")).status_code == 404
    return answer.status_code, dict(answer.headers)


async def test_one_takes_over_from_another_without_a_gap(client: SourcesClient, shared: House) -> None:
    name = shared.source.name
    first, second = await client.issue(name), await client.issue(name)
    both = await held(shared)
    assert [(await post(shared, each.secret, both))[0] for each in (first, second)] == [200, 200]

    ended = await client.revoke(name, first.credential.name.rpartition("/")[2])

    one = await held(shared)
    assert [(await post(shared, each.secret, one))[0] for each in (first, second)] == [401, 200]
    listed = [each async for each in client.credentials(name)]
    assert [each.name for each in listed] == [second.credential.name, first.credential.name]
    assert listed[1] == ended
    assert [each.HasField("revoke_time") for each in listed] == [False, True]


async def test_whoever_shows_none_learns_nothing(shared: House) -> None:
    credentials = await held(shared)
    status, headers = await post(shared, "", credentials)
    assert (status, headers["www-authenticate"]) == (401, 'Bearer realm="cairn"')
    async with shared.client(credentials=lambda: credentials) as door:
        known, unknown = [
            await door.post(f"/v1/sources/{name}/events", content=b"x")
            for name in (shared.source.name, "nobody")
        ]
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert known.json()["field"] == "authorization"


async def test_nothing_that_opens_the_door_is_kept(client: SourcesClient, shared: House) -> None:
    secret = (await client.issue(shared.source.name)).secret
    connection = await asyncpg.connect(shared.admin, database=shared.database)
    rows = await connection.fetch("select source_credential::text from assessment.source_credential")
    await connection.close()
    assert not any(secret.rpartition(".")[2] in row[0] for row in rows)


async def test_an_act_is_kept_once(client: SourcesClient, shared: House) -> None:
    name = shared.source.name
    credential = (await client.issue(name)).credential.name.rpartition("/")[2]
    once = await client.revoke(name, credential)
    assert await client.revoke(name, credential) == once

    async with transaction(shared.serve, [shared.tenant]) as connection:
        done = await latest(connection, LATEST, 10)
    assert [(each.operator, each.kind) for each in done] == [
        ("anna", "revoke_credential"),
        ("anna", "issue_credential"),
    ]
    assert all(each.subject.endswith(f"/credentials/{credential}") for each in done)


async def test_a_source_has_only_so_many(client: SourcesClient, shared: House) -> None:
    name = shared.source.name
    ended = await asyncio.gather(*(client.issue(name) for _ in range(MOST_HELD + 5)), return_exceptions=True)
    refused = [each for each in ended if isinstance(each, CallError)]
    assert len(refused) == 5
    assert {each.violations[0].field for each in refused} == {"parent"}
    kept = [each async for each in client.credentials(name)]
    assert len(kept) == MOST_HELD
    await client.revoke(name, kept[0].name.rpartition("/")[2])
    await client.issue(name)


async def test_a_source_that_is_gone_from_the_settings_has_its_credentials_revoked(
    client: SourcesClient, shared: House
) -> None:
    issued = (await client.issue(shared.source.name)).credential.name.rpartition("/")[2]
    stub = RpcServer([NAME], 0, Health())
    add_SourceServiceServicer_to_server(SourceService(shared.serve, {}, OperatorsHere()), stub.server)
    stop = asyncio.Event()
    task = asyncio.create_task(stub.run(stop))
    async with open_sources(f"127.0.0.1:{stub.port}", shared.tenant, "anna") as without:
        with pytest.raises(CallError) as raised:
            await without.issue(shared.source.name)
        assert raised.value.reason == "NOT_FOUND"
        assert (await without.revoke(shared.source.name, issued)).HasField("revoke_time")
        assert len([each async for each in without.credentials(shared.source.name)]) == 1
    stop.set()
    await task


async def test_nobody_who_serves_gives_a_revoked_one_force_again(
    client: SourcesClient, shared: House
) -> None:
    issued = (await client.issue(shared.source.name)).credential.name.rpartition("/")[2]
    await client.revoke(shared.source.name, issued)
    again = "update assessment.source_credential set revoked_at = null where credential = $1"
    async with transaction(shared.serve, [shared.tenant]) as connection:
        assert await connection.execute(again, issued) == "UPDATE 0"


async def test_who_serves_says_so_while_it_does_not_know_yet(shared: House) -> None:
    async with shared.client(credentials=lambda: None) as door:
        answer = await door.post(shared.path, content=b"x")
    assert (answer.status_code, answer.headers["connection"]) == (503, "close")


@pytest.mark.parametrize("what", ["source", "credential", "institution"])
async def test_what_is_not_there_is_told(
    client: SourcesClient, shared: House, address: str, what: str
) -> None:
    credential = (await client.issue(shared.source.name)).credential.name.rpartition("/")[2]
    source = "nobody" if what == "source" else shared.source.name
    credential = "0" * 12 if what == "credential" else credential
    async with open_sources(address, f"{shared.tenant}x", "anna") as other:
        with pytest.raises(CallError) as raised:
            await (other if what == "institution" else client).revoke(source, credential)
    assert raised.value.reason == "NOT_FOUND"
