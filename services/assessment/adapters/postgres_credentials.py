# SPDX-License-Identifier: Apache-2.0
"""Credentials of sources in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from chassis.database import Connection
from services.assessment.app.credentials import Credentials, Held, Issued
from services.assessment.app.sources import Source

_ADD = """
insert into assessment.source_credential (tenant, source, credential, digest) values ($1, $2, $3, $4)
returning number, credential, issued_at, revoked_at
"""
_LOCK = "select pg_advisory_xact_lock(hashtextextended('assessment.source_credential/' || $1, 0))"
_COUNT_HELD = """
select count(*) from assessment.source_credential
where tenant = $1 and source = $2 and revoked_at is null
"""
_REVOKE = """
update assessment.source_credential set revoked_at = now()
where tenant = $1 and source = $2 and credential = $3 and revoked_at is null
"""
_FIND = """
select number, credential, issued_at, revoked_at from assessment.source_credential
where tenant = $1 and source = $2 and credential = $3
"""
_PAGE = """
select number, credential, issued_at, revoked_at from assessment.source_credential
where tenant = $1 and source = $2 and number < $3
order by tenant desc, source desc, number desc
limit $4
"""
_STATE = """
select count(*), count(revoked_at), max(issued_at), max(revoked_at) from assessment.source_credential
"""
_HELD = "select tenant, source, credential, digest from assessment.source_credential where revoked_at is null"


class Kept(NamedTuple):
    """A credential as it is kept; ``number`` grows with time."""

    number: int
    credential: str
    issued_at: datetime
    revoked_at: datetime | None


async def lock(connection: Connection, source: Source) -> int:
    """Keep whoever else issues to a source waiting; return how many credentials of it hold."""
    await connection.execute(_LOCK, source.name)
    return int(await connection.fetchval(_COUNT_HELD, source.tenant, source.name))


async def add(connection: Connection, source: Source, issued: Issued) -> Kept:
    """Add a credential of a source."""
    row = await connection.fetchrow(_ADD, source.tenant, source.name, issued.credential, issued.digest)
    return _kept(row)


async def revoke(connection: Connection, source: Source, credential: str) -> bool:
    """End a credential; tell whether it held until now."""
    return await connection.execute(_REVOKE, source.tenant, source.name, credential) == "UPDATE 1"


async def find(connection: Connection, source: Source, credential: str) -> Kept | None:
    """Return a credential."""
    row = await connection.fetchrow(_FIND, source.tenant, source.name, credential)
    return None if row is None else _kept(row)


async def page(connection: Connection, source: Source, before: int, most: int) -> Sequence[Kept]:
    """Return credentials of a source before a number, the latest first."""
    return [_kept(row) for row in await connection.fetch(_PAGE, source.tenant, source.name, before, most)]


async def state(connection: Connection) -> object:
    """Return what changes with each that is issued or revoked."""
    return await connection.fetchrow(_STATE)


async def read(connection: Connection) -> Credentials:
    """Return those that hold, of every institution."""
    return Credentials(Held(*row) for row in await connection.fetch(_HELD))


def _kept(row: object) -> Kept:
    if row is None:
        raise AssertionError("what is inserted is returned")
    return Kept(*row)  # type: ignore[misc]  # a record of asyncpg is a sequence
