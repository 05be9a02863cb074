# SPDX-License-Identifier: Apache-2.0
"""Makes a service's roles and database, so that each can do its own work and reach nothing else.

The owner of the tables does not log in: ``migrate`` is a member of it and becomes it with SET ROLE.
Only the service's own login roles may connect to its database. Roles belong to the whole server,
databases may have a prefix, so that tests each have their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from deploy.local.keys import Keys

LOGIN_ROLES = ("migrate", "consume", "serve", "relay", "schedule")
# Before that it is the role that inherits or not.
_MEMBERSHIPS_HAVE_OPTIONS = 16
# Everyone who provisions a server waits for one another under this number.
LOCK = 0x6361_6972_6E2F


@dataclass(frozen=True, slots=True)
class Provisioned:
    """A service's database and the DSN under which each of its login roles reaches it."""

    service: str
    database: str
    dsns: Mapping[str, str] = field(repr=False)


async def provision(admin: str, service: str, *, prefix: str = "", keys: Keys | None = None) -> Provisioned:
    """Make or complete a service's roles and database; doing so again changes nothing.

    ``admin`` may create roles and databases. With ``keys`` every role gets a password of its own,
    without them the server must trust who reaches it.
    """
    database = f"{prefix}cairn_{service}"
    connection = await asyncpg.connect(admin)
    try:
        await connection.execute("select pg_advisory_lock($1)", LOCK)
        for role in ("owner", *LOGIN_ROLES):
            await _make_role(connection, f"cairn_{service}_{role}", login=role != "owner", keys=keys)
        await _bind_roles(connection, service)
        await _make_database(connection, database, service)
    finally:
        await connection.close()
    dsns = {role: _dsn(admin, f"cairn_{service}_{role}", database, keys) for role in LOGIN_ROLES}
    return Provisioned(service, database, dsns)


async def drop_database(admin: str, database: str) -> None:
    """Drop a database, ending the sessions in it; the roles stay."""
    connection = await asyncpg.connect(admin)
    try:
        await connection.execute(f"drop database if exists {_quoted(database)} with (force)")
    finally:
        await connection.close()


async def _make_role(connection: asyncpg.Connection, role: str, *, login: bool, keys: Keys | None) -> None:
    known = await connection.fetchval("select true from pg_roles where rolname = $1", role)
    attributes = f"{'' if login else 'no'}login nosuperuser nocreatedb nocreaterole nobypassrls noreplication"
    if not known:
        await connection.execute(f"create role {_quoted(role)} {attributes}")
    if login and keys is not None:
        statement = await connection.fetchval(
            "select format('alter role %I password %L', $1::text, $2::text)", role, keys.password(role)
        )
        await connection.execute(statement)


async def _bind_roles(connection: asyncpg.Connection, service: str) -> None:
    owner = _quoted(f"cairn_{service}_owner")
    migrate = _quoted(f"cairn_{service}_migrate")
    options = "with inherit false, set true"
    if connection.get_server_version().major < _MEMBERSHIPS_HAVE_OPTIONS:
        await connection.execute(f"alter role {migrate} noinherit")
        options = ""
    await connection.execute(f"grant {owner} to {migrate} {options}")
    if not await connection.fetchval("select rolsuper from pg_roles where rolname = current_user"):
        # A creator of roles who is no superuser may give a database only to a role it can become.
        await connection.execute(f"grant {owner} to current_user {options}")


async def _make_database(connection: asyncpg.Connection, database: str, service: str) -> None:
    name = _quoted(database)
    if not await connection.fetchval("select true from pg_database where datname = $1", database):
        await connection.execute(f"create database {name} owner {_quoted(f'cairn_{service}_owner')}")
    logins = ", ".join(_quoted(f"cairn_{service}_{role}") for role in LOGIN_ROLES)
    await connection.execute(f"revoke all on database {name} from public")
    await connection.execute(f"grant connect on database {name} to {logins}")


def _dsn(admin: str, role: str, database: str, keys: Keys | None) -> str:
    parts = urlsplit(admin)
    _, _, host = parts.netloc.rpartition("@")
    login = role if keys is None else f"{role}:{quote(keys.password(role), safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{host}", path=f"/{database}"))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
