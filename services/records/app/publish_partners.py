# SPDX-License-Identifier: Apache-2.0
"""Publishing partners: all documents of a request or none.

A published version never changes: the same content again is published already, other content under the
same version is refused.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cryptography.x509 import Certificate

from cairn.ids import TenantId
from chassis.database import Connection
from chassis.documents import Document, in_request
from chassis.rpc.authorities import Authorities
from chassis.rpc.refusal import Refusal, invalid
from chassis.rpc.roots import confusable
from services.records.app.partner_documents import (
    PartnerVersion,
    read_authorities,
)
from services.records.domain.partner import Fault, Partner, faults_of


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

    async def lock(self, connection: Connection) -> None:
        """Keep whoever else publishes partners waiting until the transaction ends."""
        ...

    async def lock_told(self, connection: Connection, tenant: TenantId) -> None:
        """Wait for those who are just being told, and let nobody be told more until the transaction ends."""
        ...

    async def newest(self, connection: Connection, tenant: TenantId) -> Mapping[str, Published]:
        """Return the newest version of each partner of a tenant, where this process can read it."""
        ...

    async def find(
        self, connection: Connection, tenant: TenantId, partner: str, version: int
    ) -> Published | None:
        """Return a published version."""
        ...

    async def believed(
        self, connection: Connection, tenant: TenantId, but: Collection[str]
    ) -> Sequence[Authorities]:
        """Return the authorities of all partners of every institution, but for some of this one."""
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
    await store.lock(connection)
    stood: dict[str, Published] = {}
    for version in request.versions:
        partner = version.partner
        before = await store.find(connection, request.tenant, partner.partner, partner.version)
        if before is not None:
            _check_same(before.version, version)
            stood[partner.partner] = before
    await _check_new(connection, store, request, stood)
    if len(stood) < len(request.versions):
        await store.lock_told(connection, request.tenant)
    found = []
    for version in request.versions:
        before = stood.get(version.partner.partner)
        published = before or await store.add(connection, request.tenant, version)
        found.append((published, before is not None))
    return found


def _check_same(before: PartnerVersion, version: PartnerVersion) -> None:
    # Not by the hash: canonical JSON of before may have written what is left as it is by default.
    if before.partner != version.partner:
        partner = version.partner
        what = f"version {partner.version} of {partner.partner}"
        raise Refusal("VERSION_IMMUTABLE", f"{what} is published with other content")


async def _check_new(
    connection: Connection, store: PartnerStore, request: Request, stood: Mapping[str, Published]
) -> None:
    new = [each.partner for each in request.versions if each.partner.partner not in stood]
    newest = await store.newest(connection, request.tenant)
    faults = list(faults_of(new, {name: each.version.partner for name, each in newest.items()}))
    believed = await store.believed(connection, request.tenant, [each.partner for each in new])
    faults += _confused(new, [each for bundle in believed for each in bundle.certificates])
    places = {each.partner.partner: number for number, each in enumerate(request.versions)}
    violations = []
    for fault in faults:
        place = places[fault.partner]
        violations.append(in_request(fault.place, fault.reason, place, request.documents[place]))
    if violations:
        raise invalid(*violations)


def _confused(new: Sequence[Partner], believed: Sequence[Certificate]) -> Iterator[Fault]:
    """Yield which authorities TLS could take for others, so that whoever shows the one is kept out."""
    bundles = {
        each.partner: read_authorities(each).certificates
        for each in new
        if not each.withdrawn and each.authorities
    }
    for partner, certificates in bundles.items():
        others = [each for name, bundle in bundles.items() if name != partner for each in bundle]
        if confusable(certificates, [*believed, *others]):
            reason = "must not hold an authority of the name of another that is believed, with another key,"
            yield Fault(partner, "authorities", f"{reason} unless each has a subjectKeyIdentifier of its own")
