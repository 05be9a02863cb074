# SPDX-License-Identifier: Apache-2.0
"""Publishing partners: all documents of a request or none.

A published version never changes: the same content again is published already, other content under the
same version is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cairn.ids import TenantId
from chassis.database import Connection
from chassis.rpc.refusal import Refusal, invalid
from services.records.app.partner_documents import Document, PartnerVersion, violation_of
from services.records.domain.partner import faults_of


@dataclass(frozen=True, slots=True)
class Published:
    """A published version, and when that was."""

    version: PartnerVersion
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller wants published: the documents as sent, and what they were read as."""

    tenant: TenantId
    documents: Sequence[Document]
    versions: Sequence[PartnerVersion]


class PartnerStore(Protocol):
    """Where published partners are kept."""

    async def lock(self, connection: Connection, tenant: TenantId) -> None:
        """Keep whoever else publishes partners of a tenant waiting until the transaction ends."""
        ...

    async def newest(self, connection: Connection, tenant: TenantId) -> Mapping[str, Published]:
        """Return the newest version of each partner of a tenant."""
        ...

    async def find(
        self, connection: Connection, tenant: TenantId, partner: str, version: int
    ) -> Published | None:
        """Return a published version."""
        ...

    async def add(self, connection: Connection, tenant: TenantId, version: PartnerVersion) -> Published:
        """Add a version."""
        ...


async def publish(
    connection: Connection, store: PartnerStore, request: Request
) -> list[tuple[Published, bool]]:
    """Publish partners in the caller's transaction; tell of each version whether it stood before.

    Raises Refusal: for every fault of every document at once, and for a version that is published with other
    content.
    """
    await store.lock(connection, request.tenant)
    stood: dict[str, Published] = {}
    for version in request.versions:
        partner = version.partner
        before = await store.find(connection, request.tenant, partner.partner, partner.version)
        if before is not None:
            _check_same(before.version, version)
            stood[partner.partner] = before
    await _check_new(connection, store, request, stood)
    found = []
    for version in request.versions:
        before = stood.get(version.partner.partner)
        published = before or await store.add(connection, request.tenant, version)
        found.append((published, before is not None))
    return found


def _check_same(before: PartnerVersion, version: PartnerVersion) -> None:
    if before.hash != version.hash:
        partner = version.partner
        what = f"version {partner.version} of {partner.partner}"
        raise Refusal("VERSION_IMMUTABLE", f"{what} is published with other content")


async def _check_new(
    connection: Connection, store: PartnerStore, request: Request, stood: Mapping[str, Published]
) -> None:
    new = [each.partner for each in request.versions if each.partner.partner not in stood]
    newest = await store.newest(connection, request.tenant)
    places = {each.partner.partner: number for number, each in enumerate(request.versions)}
    violations = [
        violation_of(
            fault.place, fault.reason, places[fault.partner], request.documents[places[fault.partner]]
        )
        for fault in faults_of(new, {name: each.version.partner for name, each in newest.items()})
    ]
    if violations:
        raise invalid(*violations)
