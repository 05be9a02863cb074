# SPDX-License-Identifier: Apache-2.0
"""The real server of records off loopback: over mutual TLS, and asked by the command."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from deploy.local.provision import Provisioned
from tests.certificates import Authority, Issued, write_server_files
from tests.integration.command import Said, cairn
from tests.integration.services.records.asking import SECRET
from tests.integration.services.records.test_processes import Running

REGISTRY = "spiffe://example.edu/registry"


@pytest.fixture
async def address(
    records: Provisioned, broker: str, ours: Authority, theirs: Authority, tmp_path: Path
) -> AsyncIterator[str]:
    certificate, key, operators = write_server_files(tmp_path, ours.server(), theirs.pem)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.records", "serve"),
        env={
            "DATABASE_URL": records.dsns["serve"],
            "KAFKA_BOOTSTRAP_SERVERS": broker,
            "RECORDS_GRPC_PORT": "0",
            "RECORDS_PAGE_TOKEN_SECRET": SECRET,
            "GRPC_HOST": "0.0.0.0",  # noqa: S104 - what is tried
            "TLS_CERTIFICATE_FILE": str(certificate),
            "TLS_KEY_FILE": str(key),
            "TLS_TRUST_FILE": str(operators),
            "OPERATOR_IDENTITIES": json.dumps([REGISTRY]),
        },
        stderr=PIPE,
    )
    running = Running(process)
    try:
        await running.ready()
        yield f"127.0.0.1:{running.ports['serving']}"
    finally:
        code = await running.stop()
    assert code == 0


Run = Callable[..., Awaitable[Said]]


@pytest.fixture
def run(address: str, tenant: str, tmp_path: Path, ours: Authority) -> Run:
    """Return what runs the command as whoever shows a certificate."""

    async def run(shown: Issued, *arguments: str) -> Said:
        pems = {"AUTHORITIES": ours.pem, "CERTIFICATE": shown.certificate, "KEY": shown.key}
        files = {f"CAIRN_TLS_{name}_FILE": tmp_path / f"shown.{name}" for name in pems}
        for path, pem in zip(files.values(), pems.values(), strict=True):
            path.write_bytes(pem)
        environment = {name: str(path) for name, path in files.items()} | {
            "CAIRN_RECORDS_ADDRESS": address,
            "CAIRN_TENANT": tenant,
            "CAIRN_OPERATOR": "anna",
        }
        return await cairn(*arguments, environment=environment)

    return run


async def test_an_operator_asks_and_the_log_has_the_certificates_name(
    run: Run, postgres: str, records: Provisioned, tenant: str, theirs: Authority
) -> None:
    code, told, troubled = await run(theirs.client(REGISTRY), "record", "show", "l1", "--json")

    assert (code, troubled) == (0, "")
    connection = await asyncpg.connect(postgres, database=records.database)
    disclosed = await connection.fetch(
        "select disclosure_id::text, recipient, learner from records.disclosure where tenant = $1", tenant
    )
    await connection.close()
    assert [tuple(each) for each in disclosed] == [(json.loads(told)["disclosure_id"], REGISTRY, "l1")]


async def test_an_act_is_signed_by_the_certificate_and_by_who_shows_it(
    run: Run, postgres: str, records: Provisioned, theirs: Authority
) -> None:
    connection = await asyncpg.connect(postgres, database=records.database)
    await connection.execute("insert into chassis.breaker (consumer, open_since) values ('records', now())")
    await connection.close()
    shown = theirs.client(REGISTRY)

    resumed = await run(shown, "consumers", "resume", "records", "--service", "records")
    _, told, _ = await run(shown, "actions", "--service", "records", "--json")

    assert resumed == (0, "resumed\n", "")
    assert [each["operator"] for each in json.loads(told)] == [f"{REGISTRY} (anna)"]


@pytest.mark.parametrize(
    ("known", "wanted"), [(True, "the caller is no operator of this service"), (False, "failed to connect")]
)
async def test_nobody_else_is_told_anything(
    run: Run, postgres: str, records: Provisioned, tenant: str, theirs: Authority, known: bool, wanted: str
) -> None:
    authority = theirs if known else Authority("operators")

    code, told, troubled = await run(authority.client(f"{REGISTRY}/x"), "record", "show", "l1")

    assert (code, told) == (1, "")
    assert wanted in troubled
    connection = await asyncpg.connect(postgres, database=records.database)
    assert await connection.fetchval("select count(*) from records.disclosure where tenant = $1", tenant) == 0
    await connection.close()
