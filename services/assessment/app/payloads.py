# SPDX-License-Identifier: Apache-2.0
"""Raw payloads: kept sealed, under the learner's own key or that of the source and month."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple, Protocol

from cairn.ids import LearnerId, TenantId, derived_id
from chassis.database import Connection, Sessions
from chassis.errors import Reject
from chassis.unit.unit import Unit
from chassis.unit.writes import Writes
from services.assessment.app.arrival import Arrival
from services.assessment.app.sealing import MasterKey, new_data_key, seal, unseal
from services.assessment.app.sources import Source

Subject = tuple[TenantId, str]

# The learners of a busy quarter of an hour; a key is loaded again when it was pushed out.
_KEPT_KEYS = 4096


class Payload(NamedTuple):
    """What arrived and is to be kept, not sealed yet."""

    id: str
    arrival: Arrival
    subject: Subject


class SealedPayload(NamedTuple):
    """A row of sealed bytes."""

    id: str
    source: str
    subject: Subject
    sealed: bytes


class PayloadStore(Protocol):
    """Where data keys and sealed payloads are kept."""

    async def find_keys(self, connection: Connection, subjects: AbstractSet[Subject]) -> dict[Subject, bytes]:
        """Return the wrapped key of each subject that has one."""
        ...

    async def make_keys(
        self, connection: Connection, offered: Mapping[Subject, bytes]
    ) -> dict[Subject, bytes]:
        """Return the wrapped key of each subject; one that has none yet gets the key offered for it.

        Rows are made in the order of their subjects.
        """
        ...

    async def find(self, connection: Connection, tenant: TenantId, payload: str) -> SealedPayload | None:
        """Return a payload, if it is there."""
        ...

    def store(self, writes: Writes, payloads: Sequence[SealedPayload], at: datetime) -> None:
        """Store payloads; one that is stored already stays as it is."""
        ...


def of_learner(tenant: TenantId, learner: LearnerId) -> Subject:
    """Return the subject under whose key a learner's payloads are sealed."""
    return tenant, f"learner/{learner}"


def of_source(arrival: Arrival, at: datetime) -> Subject:
    """Return the subject of a payload of nobody known: its source and month."""
    return arrival.source.tenant, f"source/{arrival.source.name}/{at:%Y-%m}"


def refused_id(arrival: Arrival) -> str:
    """Return the id of a payload that made no result: the same bytes again are the same payload."""
    source = arrival.source
    return derived_id(source.tenant, LearnerId(""), f"payload:{source.name}", 0, [digest(arrival)])


def digest(arrival: Arrival) -> str:
    """Return the SHA-256 of what arrived."""
    return sha256(arrival.raw).hexdigest()


class Payloads:
    """Seals and keeps payloads, making data keys as they are needed."""

    def __init__(self, store: PayloadStore, master: MasterKey) -> None:
        """Begin with no key in memory."""
        self._store = store
        self._master = master
        self._sessions = Sessions()
        self._keys: dict[Subject, bytes] = {}

    async def keep(self, unit: Unit, payloads: Sequence[Payload], at: datetime) -> None:
        """Seal payloads and store them as the unit closes."""
        if not payloads:
            return
        if self._sessions.renewed(unit.connection):
            self._keys.clear()
        keys = await self._keys_of(unit.connection, {payload.subject for payload in payloads})
        sealed = [_sealed(payload, keys[payload.subject]) for payload in payloads]
        self._store.store(unit.writes, sealed, at)

    async def open(self, connection: Connection, source: Source, payload: str) -> bytes:
        """Return what arrived from a source; raises Reject where it is gone."""
        found = await self._store.find(connection, source.tenant, payload)
        keys = await self._store.find_keys(connection, {found.subject}) if found else {}
        if found is None or not keys:
            raise Reject("its bytes cannot be read any more: publish it again")
        key = self._master.unwrap(keys[found.subject], *found.subject)
        return unseal(key, found.sealed, source.tenant, source.name, payload)

    async def _keys_of(self, connection: Connection, subjects: AbstractSet[Subject]) -> dict[Subject, bytes]:
        keys = {subject: self._keys[subject] for subject in subjects if subject in self._keys}
        if unknown := subjects - keys.keys():
            stored = self._unwrapped(await self._store.find_keys(connection, unknown))
            self._remember(stored)
            keys |= stored
        if new := subjects - keys.keys():
            keys |= await self._made(connection, new)
        return keys

    async def _made(self, connection: Connection, subjects: AbstractSet[Subject]) -> dict[Subject, bytes]:
        made = {subject: new_data_key() for subject in subjects}
        offered = {subject: self._master.wrap(key, *subject) for subject, key in made.items()}
        stored = await self._store.make_keys(connection, offered)
        # None is remembered: the transaction that stores it may still be rolled back. Another intake may
        # have been first.
        return made | self._unwrapped({one: key for one, key in stored.items() if key != offered[one]})

    def _unwrapped(self, wrapped: Mapping[Subject, bytes]) -> dict[Subject, bytes]:
        return {subject: self._master.unwrap(key, *subject) for subject, key in wrapped.items()}

    def _remember(self, keys: Mapping[Subject, bytes]) -> None:
        if len(self._keys) + len(keys) > _KEPT_KEYS:
            self._keys.clear()
        self._keys.update(keys)


def _sealed(payload: Payload, key: bytes) -> SealedPayload:
    source, tenant = payload.arrival.source.name, payload.subject[0]
    sealed = seal(key, payload.arrival.raw, tenant, source, payload.id)
    return SealedPayload(payload.id, source, payload.subject, sealed)
