# SPDX-License-Identifier: Apache-2.0
"""What a consumer has already taken in, kept in the transaction of its effects.

The first content of an (source, event id) is the accepted one. The same content again is a
duplicate; other content under the same id is a conflict, and the first is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto
from hashlib import blake2b

from cairn.ids import TenantId
from chassis.database import Connection

Row = tuple[str, date, bytes]


class Seen(Enum):
    """What the inbox says of a message."""

    NEW = auto()
    DUPLICATE = auto()
    CONFLICT = auto()


@dataclass(frozen=True, slots=True)
class Arrival:
    """What identifies a message to the inbox; ``day`` is the day of its ``as_of``."""

    tenant: TenantId
    day: date
    identity: bytes
    digest: bytes

    @property
    def key(self) -> Row:
        """The row that it falls on."""
        return self.tenant, self.day, self.identity


_INSERT = """
insert into chassis.inbox (tenant, day, identity, digest)
select tenant, day, identity, digest
from unnest($1::text[], $2::date[], $3::bytea[], $4::bytea[]) as arrived (tenant, day, identity, digest)
order by tenant collate "C", day, identity
on conflict do nothing
returning identity
"""
_STORED = """
select tenant, day, identity, inbox.digest
from chassis.inbox
join unnest($1::text[], $2::date[], $3::bytea[]) as wanted (tenant, day, identity)
    using (tenant, day, identity)
"""
_CLOSE = """
update chassis.inbox set outcome = 0
from unnest($1::text[], $2::date[], $3::bytea[]) as closed (tenant, day, identity)
where inbox.tenant = closed.tenant and inbox.day = closed.day and inbox.identity = closed.identity
"""


def identity(consumer: str, source: str, event_id: str) -> bytes:
    """Return the 16 bytes under which a consumer knows an event."""
    hashed = blake2b(digest_size=16)
    for part in (consumer, source, event_id):
        encoded = part.encode()
        hashed.update(len(encoded).to_bytes(4, "big") + encoded)
    return hashed.digest()


async def enter(connection: Connection, arrivals: Sequence[Arrival]) -> list[Seen]:
    """Enter the arrivals and say of each, in the given order, whether it is new."""
    first: dict[Row, Arrival] = {}
    for arrival in arrivals:
        first.setdefault(arrival.key, arrival)
    columns = _columns(list(first.values()))
    inserted = {row["identity"] for row in await connection.fetch(_INSERT, *columns)}
    digests = {key: arrival.digest for key, arrival in first.items()}
    known = [arrival for arrival in first.values() if arrival.identity not in inserted]
    if known:
        rows = await connection.fetch(_STORED, *_columns(known)[:3])
        digests |= {(row["tenant"], row["day"], row["identity"]): row["digest"] for row in rows}
    fresh = {key for key, arrival in first.items() if arrival.identity in inserted}
    return [_seen(arrival, digests, fresh) for arrival in arrivals]


def _seen(arrival: Arrival, digests: dict[Row, bytes], fresh: set[Row]) -> Seen:
    if digests[arrival.key] != arrival.digest:
        return Seen.CONFLICT
    if arrival.key in fresh:
        fresh.remove(arrival.key)
        return Seen.NEW
    return Seen.DUPLICATE


async def close(connection: Connection, arrivals: Sequence[Arrival]) -> None:
    """Mark arrivals that ended otherwise than applied, so that a replay may tell them apart."""
    if arrivals:
        await connection.execute(_CLOSE, *_columns(arrivals)[:3])


def _columns(
    arrivals: Sequence[Arrival],
) -> tuple[list[TenantId], list[date], list[bytes], list[bytes]]:
    return (
        [arrival.tenant for arrival in arrivals],
        [arrival.day for arrival in arrivals],
        [arrival.identity for arrival in arrivals],
        [arrival.digest for arrival in arrivals],
    )
