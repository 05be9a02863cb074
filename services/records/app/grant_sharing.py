# SPDX-License-Identifier: Apache-2.0
"""Granting and revoking sharing bases: all documents of a request or none.

A granted basis never changes: the same content again is granted already, other content under the same id is
refused. What is revoked stays revoked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cairn.ids import LearnerId, TenantId
from chassis.database import Connection
from chassis.documents import Document, in_request
from chassis.rpc.refusal import Refusal, invalid
from services.records.app.sharing_documents import WrittenBasis
from services.records.domain.days import day_of
from services.records.domain.partner import Partner
from services.records.domain.sharing_basis import Fault, faults_of

MOST_DOCUMENTS = 200
"""How many bases are granted at once: others wait for as long."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """How a basis ended before its time."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A granted basis as it is kept, also where its document is one that only a newer process can read."""

    basis: str
    partner: str
    purpose: str
    learner: str | None
    starts_at: datetime
    ends_at: datetime | None
    clause: str
    hash: str
    document: str
    by: str
    at: datetime
    revocation: Revocation | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller wants granted: the documents as sent, and what they were read as."""

    tenant: TenantId
    documents: Sequence[Document]
    bases: Sequence[WrittenBasis]
    operator: str


class SharingStore(Protocol):
    """Where sharing bases are kept."""

    async def lock_grants(self, connection: Connection, tenant: TenantId) -> None:
        """Keep whoever else grants waiting until the transaction ends."""
        ...

    async def lock(self, connection: Connection, tenant: TenantId) -> None:
        """Wait for those who are just being told, and let nobody be told more until the transaction ends."""
        ...

    async def partners(self, connection: Connection, tenant: TenantId) -> Mapping[str, Partner]:
        """Return the newest version of each partner."""
        ...

    async def find(
        self, connection: Connection, tenant: TenantId, bases: Sequence[str]
    ) -> Mapping[str, Granted]:
        """Return those of some bases that there are."""
        ...

    async def page(
        self, connection: Connection, tenant: TenantId, learner: LearnerId | None, after: str, size: int
    ) -> Sequence[Granted]:
        """Return bases by id, beginning after one: all, or those that say something of a learner."""
        ...

    async def add(
        self, connection: Connection, tenant: TenantId, bases: Sequence[WrittenBasis], operator: str
    ) -> None:
        """Add bases."""
        ...

    async def end(
        self, connection: Connection, tenant: TenantId, basis: str, reason: str, operator: str
    ) -> None:
        """Revoke a basis that is not revoked."""
        ...


async def grant(
    connection: Connection, store: SharingStore, request: Request, now: datetime
) -> list[tuple[Granted, bool]]:
    """Grant bases in the caller's transaction; tell of each whether it stood before.

    Raises Refusal: for every fault of every document at once, and for an id that stands with other content.
    """
    await store.lock_grants(connection, request.tenant)
    ids = [each.basis.basis for each in request.bases]
    stood = await store.find(connection, request.tenant, ids)
    partners = await store.partners(connection, request.tenant)
    violations = []
    for number, written in enumerate(request.bases):
        document = request.documents[number]
        faults = _faults(written, stood.get(written.basis.basis), partners, now)
        violations += [in_request(fault.place, fault.reason, number, document) for fault in faults]
    if violations:
        raise invalid(*violations)
    new = [each for each in request.bases if each.basis.basis not in stood]
    await store.add(connection, request.tenant, new, request.operator)
    standing = await store.find(connection, request.tenant, ids)
    return [(standing[each], each in stood) for each in ids]


async def revoke(
    connection: Connection, store: SharingStore, tenant: TenantId, basis: str, why: tuple[str, str]
) -> tuple[Granted, bool]:
    """Revoke a basis, with reason and operator, in the caller's transaction; tell whether it was before.

    What ended it first stays. Raises Refusal where there is no such basis.
    """
    await store.lock(connection, tenant)
    found = (await store.find(connection, tenant, [basis])).get(basis)
    if found is None:
        raise Refusal("NOT_FOUND", "there is no such sharing basis")
    if found.revocation is not None:
        return found, True
    await store.end(connection, tenant, basis, *why)
    return (await store.find(connection, tenant, [basis]))[basis], False


def _faults(
    written: WrittenBasis, before: Granted | None, partners: Mapping[str, Partner], now: datetime
) -> Iterator[Fault]:
    basis = written.basis
    if before is None:
        yield from faults_of(basis, partners.get(basis.partner), day_of(now, basis.time_zone))
    elif before.hash != written.hash:
        raise Refusal("VERSION_IMMUTABLE", f"{basis.basis} is granted with other content")
    elif before.revocation is not None:
        yield Fault("basis", "is revoked for good: grant it again under another id")
