# SPDX-License-Identifier: Apache-2.0
"""The real HTTP door off loopback: over TLS, and asking each platform for a credential."""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from cairn.topics.apply import apply
from tests.certificates import Authority, write_server_files
from tests.integration.command import Said, cairn
from tests.integration.services.assessment.house import House, native
from tests.integration.services.assessment.test_processes import ROOT, _free_port, _ready

OPERATOR = "spiffe://example.edu/registry"
PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class Doors:
    """A server that runs, and the command as its operator or as a platform."""

    house: House
    http: str
    grpc: str
    folder: Path

    async def run(self, *arguments: str, credential: str = "") -> Said:
        environment = {
            "CAIRN_TLS_AUTHORITIES_FILE": str(self.folder / "servers.crt"),
            "CAIRN_HTTP_AUTHORITIES_FILE": str(self.folder / "servers.crt"),
            "CAIRN_TLS_CERTIFICATE_FILE": str(self.folder / "operator.crt"),
            "CAIRN_TLS_KEY_FILE": str(self.folder / "operator.key"),
            "CAIRN_ASSESSMENT_ADDRESS": self.grpc,
            "CAIRN_HTTP_ADDRESS": self.http,
            "CAIRN_TENANT": self.house.tenant,
            "CAIRN_OPERATOR": "anna",
        }
        if credential:
            path = self.folder / "credential"
            path.write_text(credential + "\n")
            environment["CAIRN_SOURCE_CREDENTIAL_FILE"] = str(path)
        return await cairn(*arguments, environment=environment)

    async def published(self, number: int, credential: str = "") -> Said:
        """Publish one result as the platform."""
        file = self.folder / "results.ndjson"
        file.write_text(json.dumps(native(number)) + "\n")
        name = self.house.source.name
        arguments = ("results", "publish", str(file), "--source", name, "--json")
        return await self.run(*arguments, credential=credential)

    async def let_in(self, number: int, credential: str) -> Said:
        """Publish until the server has read that the credential holds."""
        async with asyncio.timeout(PATIENCE):
            while (said := await self.published(number, credential))[0] != 0:
                pass
        return said


@pytest.fixture
async def doors(
    house: House, broker: str, ours: Authority, theirs: Authority, tmp_path: Path
) -> AsyncIterator[Doors]:
    await apply(broker, [house.source.name])
    certificate, key, trust = write_server_files(tmp_path, ours.server(), theirs.pem)
    operator = theirs.client(OPERATOR)
    for name, pem in (
        ("servers.crt", ours.pem),
        ("operator.crt", operator.certificate),
        ("operator.key", operator.key),
    ):
        (tmp_path / name).write_bytes(pem)
    health, http, grpc = _free_port(), _free_port(), _free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": house.dsns["serve"],
        "KAFKA_BOOTSTRAP_SERVERS": broker,
        "HEALTH_PORT": str(health),
        "ASSESSMENT_SOURCES": json.dumps([{"name": house.source.name, "tenant": house.tenant}]),
        "ASSESSMENT_MASTER_KEY": b64encode(b"m" * 32).decode(),
        "CAIRN_IDENTITY_KEY": b64encode(b"i" * 32).decode(),
        "ASSESSMENT_HTTP_PORT": str(http),
        "ASSESSMENT_HTTP_HOST": "0.0.0.0",  # noqa: S104 - what is tried
        "ASSESSMENT_GRPC_PORT": str(grpc),
        "GRPC_HOST": "0.0.0.0",  # noqa: S104 - what is tried
        "TLS_CERTIFICATE_FILE": str(certificate),
        "TLS_KEY_FILE": str(key),
        "TLS_TRUST_FILE": str(trust),
        "OPERATOR_IDENTITIES": json.dumps([OPERATOR]),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.assessment", "serve", cwd=ROOT, env=environment
    )
    try:
        async with httpx2.AsyncClient() as client, asyncio.timeout(60):
            await _ready(client, str(health))
        yield Doors(house, f"127.0.0.1:{http}", f"127.0.0.1:{grpc}", tmp_path)
    finally:
        process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(process.wait(), 15)
    assert code == 0


async def test_a_platform_publishes_by_its_credential_and_changes_it_without_a_gap(doors: Doors) -> None:
    name = doors.house.source.name
    code, told, troubled = await doors.published(1)
    assert (code, told) == (1, "")
    assert "must be Bearer, and a credential of this source" in troubled
    issued = await doors.run("sources", "issue", name)
    assert issued[0] == 0
    first = issued[1].strip()

    _, told, troubled = await doors.let_in(1, first)

    assert json.loads(told)["counts"] == {"stored": 1}
    second = (await doors.run("sources", "issue", name))[1].strip()
    await doors.let_in(2, second)
    assert (await doors.published(3, first))[0] == 0
    ended = await doors.run("sources", "revoke", name, first.split(".")[1])
    assert ended == (0, "revoked\n", "")
    async with asyncio.timeout(PATIENCE):
        while (said := await doors.published(4, first))[0] == 0:
            pass
    assert first not in said[1] + said[2]
    assert (await doors.published(5, second))[0] == 0
    listed = json.loads((await doors.run("sources", "credentials", name, "--json"))[1])
    assert ["revoke_time" in each for each in listed] == [False, True]


async def test_a_renewed_certificate_is_shown_and_a_connection_goes_on(
    doors: Doors, ours: Authority, theirs: Authority
) -> None:
    host, _, port = doors.http.rpartition(":")
    trusted = ssl.create_default_context(cadata=ours.pem.decode())
    async with httpx2.AsyncClient(base_url=f"https://{doors.http}", verify=trusted) as client:
        assert (await client.post(doors.house.path, content=b"x")).status_code == 401
        before = await _shown(host, int(port), trusted)

        write_server_files(doors.folder, ours.server(), theirs.pem)

        async with asyncio.timeout(PATIENCE):
            while await _shown(host, int(port), trusted) == before:
                pass
        assert (await client.post(doors.house.path, content=b"x")).status_code == 401
    with pytest.raises(httpx2.TransportError):
        await _in_the_clear(doors)


async def test_a_certificate_of_another_kind_of_key_takes_over_from_the_one_before(
    doors: Doors, ours: Authority, theirs: Authority
) -> None:
    host, _, port = doors.http.rpartition(":")
    trusted = ssl.create_default_context(cadata=ours.pem.decode())
    renewed = ours.server(key=rsa.generate_private_key(65537, 2048))
    wanted = load_pem_x509_certificate(renewed.certificate).public_bytes(Encoding.DER)

    write_server_files(doors.folder, renewed, theirs.pem)

    async with asyncio.timeout(PATIENCE):
        while await _shown(host, int(port), trusted) != wanted:
            pass


@pytest.mark.parametrize("sent", ["endless head", "slow head", "endless url"])
async def test_whoever_is_not_known_yet_cannot_hold_a_connection_or_fill_memory(
    doors: Doors, ours: Authority, sent: str
) -> None:
    host, _, port = doors.http.rpartition(":")
    trusted = ssl.create_default_context(cadata=ours.pem.decode())
    reader, writer = await asyncio.open_connection(host, int(port), ssl=trusted)
    writer.write(b"GET /" if sent == "endless url" else b"POST /v1/sources/x/events HTTP/1.1\r\nhost: x\r\n")
    written, most = 0, 64 * 1024 * 1024
    async with asyncio.timeout(PATIENCE):
        with suppress(ConnectionError):
            while sent != "slow head" and written < most and not writer.transport.is_closing():
                writer.write(b"a" * 65536 if sent == "endless url" else b"x: " + b"a" * 60000 + b"\r\n")
                written += 65536
                await writer.drain()
                await asyncio.sleep(0.001)  # that it is gone is heard between two writes only
            assert await reader.read() == b""
    assert written < most
    writer.transport.abort()


async def test_what_is_revoked_while_a_body_comes_opens_nothing(doors: Doors, ours: Authority) -> None:
    name = doors.house.source.name
    secret = (await doors.run("sources", "issue", name))[1].strip()
    await doors.let_in(1, secret)
    host, _, port = doors.http.rpartition(":")
    trusted = ssl.create_default_context(cadata=ours.pem.decode())
    body = json.dumps(native(2)).encode()
    head = (
        f"POST {doors.house.path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\n"
        f"content-type: application/cloudevents+json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(host, int(port), ssl=trusted)
    writer.write(head.encode() + body[:10])
    await doors.run("sources", "revoke", name, secret.split(".")[1])
    async with asyncio.timeout(PATIENCE):
        while (await doors.published(1, secret))[0] == 0:
            pass

    writer.write(body[10:])

    async with asyncio.timeout(PATIENCE):
        assert (await reader.readline()).startswith(b"HTTP/1.1 401")
    writer.close()


async def _in_the_clear(doors: Doors) -> None:
    async with httpx2.AsyncClient(base_url=f"http://{doors.http}") as client:
        await client.post(doors.house.path, content=b"x")


async def _shown(host: str, port: int, trusted: ssl.SSLContext) -> bytes:
    """Return the certificate that a new connection is shown."""
    _, writer = await asyncio.open_connection(host, port, ssl=trusted, family=socket.AF_INET)
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return shown
