# SPDX-License-Identifier: Apache-2.0
"""What a consumer has already taken in, kept in the transaction of its effects.

The first content of an (source, event id) is the accepted one. The same content again is a
duplicate; other content under the same id is a conflict, and the first is kept.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from enum import Enum, auto
from hashlib import blake2b
from typing import NamedTuple

from cairn.ids import TenantId

Row = tuple[str, date, bytes]


class Seen(Enum):
    """What the inbox says of a message."""

    NEW = auto()
    DUPLICATE = auto()
    CONFLICT = auto()


class Arrival(NamedTuple):
    """What identifies a message to the inbox; ``day`` is the day of its ``as_of``."""

    tenant: TenantId
    day: date
    identity: bytes
    digest: bytes

    @property
    def key(self) -> Row:
        """The row that it falls on."""
        return self.tenant, self.day, self.identity


def identity(consumer: str, source: str, event_id: str) -> bytes:
    """Return the 16 bytes under which a consumer knows an event."""
    hashed = blake2b(digest_size=16)
    for part in (consumer, source, event_id):
        encoded = part.encode()
        hashed.update(len(encoded).to_bytes(4, "big") + encoded)
    return hashed.digest()


def judge(
    arrivals: Sequence[Arrival], fresh: Iterable[bytes], known: Iterable[tuple[str, date, bytes, bytes]]
) -> list[Seen]:
    """Say of each arrival whether it is new, given which identities were entered now and what stood before.

    ``known`` holds (tenant, day, identity, digest), and may name what was entered now as well.
    """
    digests: dict[Row, bytes] = {}
    for arrival in arrivals:
        digests.setdefault(arrival.key, arrival.digest)
    digests |= {(tenant, day, known_as): digest for tenant, day, known_as, digest in known}
    entered = set(fresh)
    new = {key for key in digests if key[2] in entered}
    return [_seen(arrival, digests, new) for arrival in arrivals]


def _seen(arrival: Arrival, digests: dict[Row, bytes], fresh: set[Row]) -> Seen:
    if digests[arrival.key] != arrival.digest:
        return Seen.CONFLICT
    if arrival.key in fresh:
        fresh.remove(arrival.key)
        return Seen.NEW
    return Seen.DUPLICATE


def columns_of(
    arrivals: Sequence[Arrival],
) -> tuple[list[TenantId], list[date], list[bytes], list[bytes]]:
    """Return tenants, days, identities and digests."""
    return (
        [arrival.tenant for arrival in arrivals],
        [arrival.day for arrival in arrivals],
        [arrival.identity for arrival in arrivals],
        [arrival.digest for arrival in arrivals],
    )
