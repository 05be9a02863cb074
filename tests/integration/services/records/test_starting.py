# SPDX-License-Identifier: Apache-2.0
"""What a process needs and does not find it names, with what would be right, and ends."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping

import asyncpg
import pytest

from deploy.local.provision import Provisioned
from tests.integration.services.records.asking import SECRET

NOBODY = "127.0.0.1:1"
SERVICE = ("-m", "services.records")
# There is no older database here: what is asked for is a newer one than there is.
ASKING_FOR_A_NEWER_ONE = """
import sys
from chassis import database
database.OLDEST_MAJOR = 99
from services.records.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


async def ended(*arguments: str, database: str, brokers: str = NOBODY) -> tuple[int | None, str]:
    """Run a process to its end; return its exit code and what it says."""
    environment: Mapping[str, str] = {
        "DATABASE_URL": database,
        "KAFKA_BOOTSTRAP_SERVERS": brokers,
        "RECORDS_GRPC_PORT": "0",
        "RECORDS_PAGE_TOKEN_SECRET": SECRET,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=environment, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(60):
        _, said = await process.communicate()
    return process.returncode, said.decode()


async def too_old(postgres: str) -> str:
    """Return what is said of the database that there is, where a newer one is asked for."""
    connection = await asyncpg.connect(postgres)
    found = (await connection.fetchval("show server_version")).split()[0]
    await connection.close()
    return f"DATABASE_URL: must be of PostgreSQL 99 or newer, and is of {found}"


def why(said: str) -> str:
    """Return for which reason of ours the process failed, as its log has it."""
    (failed,) = [each for each in map(json.loads, said.splitlines()) if each["event"] == "process failed"]
    reason: str = failed["error"][0]["reason"]
    return reason


async def test_a_database_that_is_not_there_is_named(records: Provisioned) -> None:
    nowhere = f"postgresql://{records.database}:hunter2@{NOBODY}/{records.database}"

    code, said = await ended(*SERVICE, "serve", database=nowhere)

    assert (code, why(said)) == (1, "the database is not reachable")
    assert "hunter2" not in said


async def test_a_database_of_another_name_is_told_from_none(records: Provisioned) -> None:
    other = records.dsns["serve"].replace(records.database, f"{records.database}x")

    code, said = await ended(*SERVICE, "serve", database=other)

    assert (code, why(said).split(":")[0]) == (1, "there is no such database")


async def test_brokers_that_are_not_there_are_named_by_their_setting(records: Provisioned) -> None:
    code, said = await ended(*SERVICE, "consume", database=records.dsns["consume"])

    assert (code, why(said)) == (1, "no broker of KAFKA_BOOTSTRAP_SERVERS answers")


@pytest.mark.parametrize("process", ["serve", "schedule"])
async def test_a_database_that_is_too_old_is_told_by_both_versions(
    records: Provisioned, postgres: str, process: str
) -> None:
    code, said = await ended("-c", ASKING_FOR_A_NEWER_ONE, process, database=records.dsns[process])

    assert code == 1
    assert why(said) == await too_old(postgres)


async def test_a_database_that_is_too_old_is_not_migrated(records: Provisioned, postgres: str) -> None:
    code, said = await ended("-c", ASKING_FOR_A_NEWER_ONE, "migrate", database=records.dsns["migrate"])

    assert code == os.EX_CONFIG
    assert said == f"{await too_old(postgres)}\n"
