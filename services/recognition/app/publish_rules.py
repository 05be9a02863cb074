# SPDX-License-Identifier: Apache-2.0
"""Publishing rules: all documents of a request or none, in one short transaction that raises the epoch.

A published version never changes: the same content again is already published and raises nothing,
other content under the same version is refused. References among the documents of a request hold,
and no rule is published while one of its examples fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from cairn.ids import TenantId
from chassis.database import Connection
from chassis.documents import Document
from chassis.rpc.refusal import Refusal, Violation, invalid
from chassis.schedule.publication import begin_scan
from chassis.unit.epoch import hold_epochs, lock_epoch, raise_epoch
from services.recognition.app.rule_documents import violation_of
from services.recognition.domain.allocation import Allocator
from services.recognition.domain.canonical import RuleVersion
from services.recognition.domain.publication import faults_of
from services.recognition.domain.reach import changes_of
from services.recognition.domain.rule_set import RuleSet

RuleKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Published:
    """A published version, with the epoch that its publication began."""

    version: RuleVersion
    epoch: int
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Publication:
    """What a request published: each version, whether it stood before, and the epoch that now holds."""

    versions: tuple[tuple[Published, bool], ...]
    epoch: int


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller wants published: the documents as sent, and what they were read as."""

    tenant: TenantId
    documents: Sequence[Document]
    versions: Sequence[RuleVersion]
    request_id: str


class RuleStore(Protocol):
    """Where published rules are kept."""

    async def all(self, connection: Connection, tenant: TenantId) -> Sequence[Published]:
        """Return every published version of a tenant's rules."""
        ...

    async def add(
        self, connection: Connection, tenant: TenantId, version: RuleVersion, epoch: int
    ) -> Published:
        """Add a version."""
        ...

    async def enter_request(
        self, connection: Connection, tenant: TenantId, request_id: str, digest: bytes
    ) -> bytes | None:
        """Note a request; return the digest of the one that used its id before."""
        ...


async def publish(
    connection: Connection, store: RuleStore, allocator: Allocator, request: Request
) -> Publication:
    """Publish rules in the caller's transaction.

    Raises Refusal: for every fault of every document at once, for a version that is published with
    other content, for a request id that was used for another request.
    """
    tenant = request.tenant
    await lock_epoch(connection, tenant)
    await _note_request(connection, store, request)
    stood = {_key(each.version): each for each in await store.all(connection, tenant)}
    new = _new(request, stood, allocator)
    if new:
        epoch = await raise_epoch(connection, tenant)
    else:
        epoch = (await hold_epochs(connection, [tenant]))[tenant]
    added = {_key(each): await store.add(connection, tenant, each, epoch) for each in new}
    if new:
        await begin_scan(connection, tenant, epoch, _nodes((*stood.values(), *added.values()), epoch))
    keys = [_key(version) for version in request.versions]
    return Publication(
        tuple((stood[key], True) if key in stood else (added[key], False) for key in keys), epoch
    )


def _nodes(published: Sequence[Published], epoch: int) -> frozenset[str]:
    """Return by which competencies and credentials a publication can reach a learner."""
    change = changes_of((each.version, each.epoch) for each in published)[epoch]
    return change.nodes(RuleSet(each.version for each in published))


def _new(request: Request, stood: dict[RuleKey, Published], allocator: Allocator) -> list[RuleVersion]:
    """Return what is not published yet; raise Refusal if it may not be."""
    new = []
    for version in request.versions:
        before = stood.get(_key(version))
        if before is None:
            new.append(version)
        elif before.version.reference != version.reference:
            rule, number = _key(version)
            raise Refusal("VERSION_IMMUTABLE", f"version {number} of {rule} is published with other content")
    places = {version.rule.rule: number for number, version in enumerate(request.versions)}
    violations = []
    for fault in faults_of(new, [each.version for each in stood.values()], allocator):
        place = places.get(fault.rule)
        if place is None:
            violations.append(Violation("documents", f"{fault.rule}: {fault.reason}"))
        else:
            violations.append(violation_of(fault, place, request.documents[place]))
    if violations:
        raise invalid(*violations)
    return new


async def _note_request(connection: Connection, store: RuleStore, request: Request) -> None:
    if not request.request_id:
        return
    digest = sha256(b"\0".join(each.text.encode() for each in request.documents)).digest()
    before = await store.enter_request(connection, request.tenant, request.request_id, digest)
    if before is not None and before != digest:
        raise Refusal("REQUEST_ID_REUSED", "the request id was used before, for another request")


def _key(version: RuleVersion) -> RuleKey:
    return version.rule.rule, version.rule.version
