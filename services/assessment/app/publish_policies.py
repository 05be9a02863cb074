# SPDX-License-Identifier: Apache-2.0
"""Publishing policies: all documents of a request or none, in one short transaction that raises the epoch.

A published version never changes: the same content again is already published and raises nothing,
other content under the same version is refused. A competency has one policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from cairn.ids import TenantId
from chassis.database import Connection
from chassis.documents import Document, in_request
from chassis.rpc.refusal import Refusal, Violation, invalid
from chassis.schedule.publication import begin_scan
from chassis.unit.epoch import hold_epochs, lock_epoch, raise_epoch
from services.assessment.app.policy_documents import InvalidDocument, PolicyVersion, read_policy


@dataclass(frozen=True, slots=True)
class Published:
    """A published version, with the epoch that its publication began."""

    version: PolicyVersion
    epoch: int
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Publication:
    """What a request published: each version, whether it stood before, and the epoch that now holds."""

    versions: tuple[tuple[Published, bool], ...]
    epoch: int


class PolicyStore(Protocol):
    """Where published policies are kept."""

    async def find(
        self, connection: Connection, tenant: TenantId, policy: str, version: int | None
    ) -> Published | None:
        """Return a published version, or the newest one."""
        ...

    async def policy_of(self, connection: Connection, tenant: TenantId, competency: str) -> str | None:
        """Return the policy of a competency."""
        ...

    async def add(
        self, connection: Connection, tenant: TenantId, version: PolicyVersion, epoch: int
    ) -> Published:
        """Add a version, and its activities to those of its competency."""
        ...

    async def activities(
        self, connection: Connection, tenant: TenantId, competencies: Sequence[str]
    ) -> Sequence[str]:
        """Return the activities that any version of the competencies' policies lists."""
        ...

    async def enter_request(
        self, connection: Connection, tenant: TenantId, request_id: str, digest: bytes
    ) -> bytes | None:
        """Note a request; return the digest of the one that used its id before."""
        ...


async def publish(
    connection: Connection,
    store: PolicyStore,
    tenant: TenantId,
    documents: Sequence[Document],
    request_id: str,
) -> Publication:
    """Publish documents in the caller's transaction.

    Raises Refusal: for every fault of every document at once, for a version that is published with
    other content, for a request id that was used for another request.
    """
    versions = _read(documents)
    await lock_epoch(connection, tenant)
    await _note_request(connection, store, tenant, documents, request_id)
    stood = [await _stands(connection, store, tenant, version) for version in versions]
    if all(stood):
        epoch = (await hold_epochs(connection, [tenant]))[tenant]
    else:
        epoch = await raise_epoch(connection, tenant)
    published = [
        (before, True) if before else (await store.add(connection, tenant, version, epoch), False)
        for version, before in zip(versions, stood, strict=True)
    ]
    if changed := [one.version.policy.competency for one, before in published if not before]:
        # Whoever has a result that any version counts, also one that only an earlier version did.
        await begin_scan(connection, tenant, epoch, await store.activities(connection, tenant, changed))
    return Publication(tuple(published), epoch)


def _read(documents: Sequence[Document]) -> list[PolicyVersion]:
    if not documents:
        raise invalid(Violation("documents", "at least one document is needed"))
    versions: list[PolicyVersion] = []
    violations: list[Violation] = []
    for number, document in enumerate(documents):
        try:
            versions.append(read_policy(document.text))
        except InvalidDocument as error:
            violations += [
                in_request(each.field, each.description, number, document) for each in error.violations
            ]
    violations += _repeated(versions)
    if violations:
        raise invalid(*violations)
    return versions


def _repeated(versions: Sequence[PolicyVersion]) -> list[Violation]:
    keys = [(each.policy.policy, each.policy.version) for each in versions]
    policies = {(each.policy.competency, each.policy.policy) for each in versions}
    found = []
    if len(set(keys)) != len(keys):
        found.append(Violation("documents", "a version of a policy is published once"))
    if len(policies) != len({competency for competency, _ in policies}):
        found.append(Violation("documents", "a competency has one policy"))
    return found


async def _note_request(
    connection: Connection,
    store: PolicyStore,
    tenant: TenantId,
    documents: Sequence[Document],
    request_id: str,
) -> None:
    if not request_id:
        return
    digest = sha256(b"\0".join(document.text.encode() for document in documents)).digest()
    before = await store.enter_request(connection, tenant, request_id, digest)
    if before is not None and before != digest:
        raise Refusal("REQUEST_ID_REUSED", "the request id was used before, for another request")


async def _stands(
    connection: Connection, store: PolicyStore, tenant: TenantId, version: PolicyVersion
) -> Published | None:
    policy = version.policy
    before = await store.find(connection, tenant, policy.policy, policy.version)
    if before is not None:
        if before.version.hash != version.hash:
            raise Refusal(
                "VERSION_IMMUTABLE",
                f"version {policy.version} of {policy.policy} is published with other content",
            )
        return before
    other = await store.policy_of(connection, tenant, policy.competency)
    if other is not None and other != policy.policy:
        raise invalid(Violation("competency", f"the competency of {policy.policy} has the policy {other}"))
    return None
