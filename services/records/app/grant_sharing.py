# SPDX-License-Identifier: Apache-2.0
"""Granting and revoking sharing bases: all documents of a request or none.

A granted basis never changes: the same content again is granted already, other content under the same id is
refused. What is revoked stays revoked.
"""

from collections.abc import Mapping, Sequence
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
from services.records.domain.sharing_basis import faults_of


@dataclass(frozen=True, slots=True)
class Granted:
    """A granted basis, and how it ended, where it was revoked."""

    written: WrittenBasis
    granted_at: datetime
    revoked_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller wants granted: the documents as sent, and what they were read as."""

    tenant: TenantId
    documents: Sequence[Document]
    bases: Sequence[WrittenBasis]


class SharingStore(Protocol):
    """Where sharing bases are kept."""

    async def lock(self, connection: Connection, tenant: TenantId) -> None:
        """Keep whoever else changes who may ask, or is just being told, waiting for the transaction's end."""
        ...

    async def partners(self, connection: Connection, tenant: TenantId) -> Mapping[str, Partner]:
        """Return the newest version of each partner."""
        ...

    async def find(self, connection: Connection, tenant: TenantId, basis: str) -> Granted | None:
        """Return a basis."""
        ...

    async def page(
        self, connection: Connection, tenant: TenantId, learner: LearnerId | None, after: str, size: int
    ) -> Sequence[Granted]:
        """Return bases by id, beginning after one: all, or those that say something of a learner."""
        ...

    async def add(self, connection: Connection, tenant: TenantId, basis: WrittenBasis) -> Granted:
        """Add a basis."""
        ...

    async def end(self, connection: Connection, tenant: TenantId, basis: str, reason: str) -> None:
        """Revoke a basis that is not revoked."""
        ...


async def grant(
    connection: Connection, store: SharingStore, request: Request, now: datetime
) -> list[tuple[Granted, bool]]:
    """Grant bases in the caller's transaction; tell of each whether it stood before.

    Raises Refusal: for every fault of every document at once, and for an id that stands with other content.
    """
    await store.lock(connection, request.tenant)
    stood = [await _standing(connection, store, request.tenant, each) for each in request.bases]
    partners = await store.partners(connection, request.tenant)
    violations = []
    for number, (written, before) in enumerate(zip(request.bases, stood, strict=True)):
        if before is None:
            basis = written.basis
            today = day_of(now, basis.time_zone)
            document = request.documents[number]
            violations += [
                in_request(fault.place, fault.reason, number, document)
                for fault in faults_of(basis, partners.get(basis.partner), today)
            ]
    if violations:
        raise invalid(*violations)
    return [
        (before or await store.add(connection, request.tenant, written), before is not None)
        for written, before in zip(request.bases, stood, strict=True)
    ]


async def revoke(
    connection: Connection, store: SharingStore, tenant: TenantId, basis: str, reason: str
) -> tuple[Granted, bool]:
    """Revoke a basis in the caller's transaction; tell whether it was revoked before, whose reason stays.

    Raises Refusal where there is no such basis.
    """
    await store.lock(connection, tenant)
    found = await store.find(connection, tenant, basis)
    if found is None:
        raise Refusal("NOT_FOUND", "there is no such sharing basis")
    if found.revoked_at is not None:
        return found, True
    await store.end(connection, tenant, basis, reason)
    ended = await store.find(connection, tenant, basis)
    if ended is None:
        raise AssertionError("a sharing basis is never removed")
    return ended, False


async def _standing(
    connection: Connection, store: SharingStore, tenant: TenantId, written: WrittenBasis
) -> Granted | None:
    before = await store.find(connection, tenant, written.basis.basis)
    if before is not None and before.written.hash != written.hash:
        raise Refusal("VERSION_IMMUTABLE", f"{written.basis.basis} is granted with other content")
    return before
