# SPDX-License-Identifier: Apache-2.0
"""The real server of records off loopback: over mutual TLS, and asked by the command."""

import json

import asyncpg
import pytest

from deploy.local.provision import Provisioned
from tests.certificates import Authority
from tests.integration.services.records.tls_process import REGISTRY, Run


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
