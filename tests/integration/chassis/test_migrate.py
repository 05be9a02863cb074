# SPDX-License-Identifier: Apache-2.0
"""Migrations: in order, once, all or none, and one at a time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from chassis.errors import Bug
from chassis.migrate import CHASSIS, migrate
from deploy.local.provision import Provisioned, drop_database, provision

OF_CHASSIS = [f"chassis {path.stem}" for path in sorted(CHASSIS.glob("*.sql"))]
FIRST = "create schema probe; create table probe.one (id int); insert into probe.one values (1), (2);"
SECOND = """
alter table probe.one add name text;
grant select on probe.one to cairn_@service@_serve;
"""


@pytest.fixture
async def made(postgres: str) -> AsyncIterator[Provisioned]:
    made = await provision(postgres, "probe", prefix=f"t{uuid4().hex[:12]}_")
    yield made
    await drop_database(postgres, made.database)


def files(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(text, encoding="utf-8")
    return folder


async def ran(made: Provisioned, folder: Path) -> list[str]:
    applied: list[str] = []
    count = await migrate(made.dsns["migrate"], "probe", folder, applied.append)
    assert count == len(applied)
    return applied


async def test_the_chassis_first_then_the_service_and_then_only_what_is_new(
    made: Provisioned, tmp_path: Path
) -> None:
    assert await ran(made, files(tmp_path, m0001_first=FIRST)) == [*OF_CHASSIS, "probe 0001_first"]
    assert await ran(made, tmp_path) == []
    assert await ran(made, files(tmp_path, m0002_second=SECOND)) == ["probe 0002_second"]
    assert await ran(made, tmp_path) == []

    connection = await asyncpg.connect(made.dsns["serve"])
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("select * from probe.one")
    finally:
        await connection.close()


async def test_tables_belong_to_the_owner_who_does_not_log_in(made: Provisioned, tmp_path: Path) -> None:
    await ran(made, files(tmp_path, m0001_first=FIRST))
    connection = await asyncpg.connect(made.dsns["migrate"])
    try:
        owners = await connection.fetch(
            "select distinct tableowner from pg_tables where schemaname in ('chassis', 'probe', 'migrations')"
        )
    finally:
        await connection.close()

    assert [row["tableowner"] for row in owners] == ["cairn_probe_owner"]


async def test_two_at_once_do_it_once(made: Provisioned, tmp_path: Path) -> None:
    files(tmp_path, m0001_first=FIRST, m0002_second=SECOND)
    both = await asyncio.gather(ran(made, tmp_path), ran(made, tmp_path))

    assert sorted(len(each) for each in both) == [0, len(OF_CHASSIS) + 2]


async def test_a_file_that_fails_leaves_the_database_as_it_was(made: Provisioned, tmp_path: Path) -> None:
    files(tmp_path, m0001_first=FIRST, m0002_second="select 1; select no_such_function();")
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await ran(made, tmp_path)

    files(tmp_path, m0002_second=SECOND)
    assert len(await ran(made, tmp_path)) == len(OF_CHASSIS) + 2


@pytest.mark.parametrize("name", ["m0003_gap", "m0002_Upper", "m2_short"])
async def test_a_file_out_of_order_is_refused_by_name(made: Provisioned, tmp_path: Path, name: str) -> None:
    files(tmp_path, m0001_first=FIRST, **{name: SECOND})
    with pytest.raises(Bug, match=name.removeprefix("m")):
        await ran(made, tmp_path)


async def test_a_folder_without_migrations_is_a_mistake(made: Provisioned, tmp_path: Path) -> None:
    with pytest.raises(Bug, match="no migrations"):
        await ran(made, tmp_path / "elsewhere")


async def test_a_service_has_a_plain_name(made: Provisioned, tmp_path: Path) -> None:
    with pytest.raises(Bug, match="name of a service"):
        await migrate(made.dsns["migrate"], 'probe"; drop', tmp_path, lambda _file: None)
