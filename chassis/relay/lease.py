# SPDX-License-Identifier: Apache-2.0
"""Leases in a table: who may do a job of which there must be one at a time.

Each new holder gets a new term. What the job writes is written in a transaction that checks the
term, so that a holder that slept past its lease changes nothing.
"""

from dataclasses import dataclass
from datetime import timedelta

from chassis.database import Connection
from chassis.errors import Conflict

_TAKE = """
insert into chassis.lease (name, holder, term, expires_at) values ($1, $2, 1, now() + $3)
on conflict (name) do update
    set holder = excluded.holder,
        term = lease.term + (lease.holder <> excluded.holder)::int,
        expires_at = excluded.expires_at
    where lease.holder = excluded.holder or lease.expires_at < now()
returning term
"""
_HOLD = "select true from chassis.lease where name = $1 and holder = $2 and term = $3 for share"
_GIVE_BACK = "update chassis.lease set expires_at = '-infinity' where name = $1 and holder = $2 and term = $3"


@dataclass(frozen=True, slots=True)
class Lease:
    """A job held for a while, in one term."""

    name: str
    holder: str
    term: int


async def take_lease(connection: Connection, name: str, holder: str, length: timedelta) -> Lease | None:
    """Take a lease, or lengthen one's own; None while somebody else holds it."""
    term = await connection.fetchval(_TAKE, name, holder, length)
    return None if term is None else Lease(name, holder, term)


async def check_lease(connection: Connection, lease: Lease) -> None:
    """Keep the lease from changing hands until the transaction ends; raise Conflict if it has already."""
    if not await connection.fetchval(_HOLD, lease.name, lease.holder, lease.term):
        raise lost(lease)


def lost(lease: Lease) -> Conflict:
    """Return the error of a holder whose term is over."""
    return Conflict(f"the lease {lease.name} has passed to another holder")


async def give_back(connection: Connection, lease: Lease) -> None:
    """End a lease before its time, so that the next holder need not wait."""
    await connection.execute(_GIVE_BACK, lease.name, lease.holder, lease.term)
