# SPDX-License-Identifier: Apache-2.0
"""What a service's roles can and cannot do in its own database and in another's."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from deploy.local.keys import Keys
from deploy.local.provision import LOGIN_ROLES, Provisioned, drop_database, provision

SERVICES = ("northtest", "southtest")


@pytest.fixture(scope="module")
async def services(postgres: str) -> AsyncIterator[tuple[Provisioned, Provisioned]]:
    prefix = f"t{uuid.uuid4().hex[:8]}_"
    north, south = [await provision(postgres, service, prefix=prefix) for service in SERVICES]
    yield north, south
    for each in (north, south):
        await drop_database(postgres, each.database)


async def run(dsn: str, *statements: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


def elsewhere(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


@pytest.mark.parametrize("role", LOGIN_ROLES)
async def test_a_role_reaches_its_own_database_and_no_other(
    services: tuple[Provisioned, Provisioned], role: str
) -> None:
    north, south = services
    assert await run(north.dsns[role], "select current_database()") == north.database
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(elsewhere(north.dsns[role], south.database), "select 1")


async def test_the_owner_does_not_log_in(services: tuple[Provisioned, Provisioned]) -> None:
    north, _ = services
    owner = north.dsns["serve"].replace("northtest_serve", "northtest_owner")
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await run(owner, "select 1")


async def test_only_migrate_becomes_the_owner(services: tuple[Provisioned, Provisioned]) -> None:
    north, _ = services
    become = "set role cairn_northtest_owner"
    assert await run(north.dsns["migrate"], become, "select current_user") == "cairn_northtest_owner"
    await run(north.dsns["migrate"], become, "create schema made")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(north.dsns["migrate"], "create schema not_as_itself")
    for role in set(LOGIN_ROLES) - {"migrate"}:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(north.dsns[role], become)


@pytest.mark.parametrize("role", LOGIN_ROLES)
async def test_a_role_makes_nothing(services: tuple[Provisioned, Provisioned], role: str) -> None:
    north, _ = services
    for statement in (
        "create schema s",
        "create table public.t (n int)",
        "create role r",
        "create database d",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(north.dsns[role], statement)


async def test_doing_it_again_changes_nothing(
    postgres: str, services: tuple[Provisioned, Provisioned]
) -> None:
    north, _ = services
    await run(north.dsns["migrate"], "set role cairn_northtest_owner", "create table public.kept ()")
    again = await provision(postgres, "northtest", prefix=north.database.removesuffix("cairn_northtest"))
    assert again == north
    assert await run(again.dsns["migrate"], "select to_regclass('public.kept') is not null")


async def test_with_keys_each_role_has_a_password_of_its_own(postgres: str, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "secrets")
    made = await provision(postgres, "keyedtest", prefix=f"t{uuid.uuid4().hex[:8]}_", keys=keys)
    try:
        passwords = {urlsplit(dsn).password for dsn in made.dsns.values()}
        assert len(passwords) == len(LOGIN_ROLES)
        hashed = "select count(rolpassword) from pg_authid where rolname like 'cairn\\_keyedtest\\_%'"
        assert await run(postgres, hashed) == len(LOGIN_ROLES)
    finally:
        await drop_database(postgres, made.database)


async def test_a_creator_who_is_no_superuser_provisions_too(postgres: str) -> None:
    name = f"creator_{uuid.uuid4().hex[:8]}"
    service = f"made{uuid.uuid4().hex[:8]}"
    await run(postgres, f"create role {name} login createdb createrole")
    creator = urlunsplit(urlsplit(postgres)._replace(netloc=f"{name}@"))
    made = await provision(creator, service)
    try:
        assert await run(made.dsns["consume"], "select 1") == 1
    finally:
        await drop_database(postgres, made.database)
