# SPDX-License-Identifier: Apache-2.0
"""Resource names (AIP-122): where in the record a call points."""

import re
from dataclasses import dataclass
from uuid import UUID

from cairn.events.wire import SLUG
from cairn.ids import LearnerId, TenantId, is_opaque
from chassis.rpc.refusal import Refusal, Violation, invalid

TENANT = "institutions/{institution}"
LEARNER = f"{TENANT}/learners/{{learner}}"
ENTRY = f"{LEARNER}/entries/{{entry}}"
BASIS = f"{TENANT}/sharingBases/{{sharing_basis}}"

ANY = "-"
_institution = re.compile(r"institutions/([^/]+)(?:/.*)?", re.DOTALL)
_learner = re.compile(r"institutions/[^/]+/learners/([^/]+)(?:/.*)?", re.DOTALL)
_basis = re.compile(rf"institutions/([^/]+)/sharingBases/({SLUG})")
_segments = re.compile(r"institutions/([^/]+)(?:/learners/([^/]+)(?:/entries/([^/]+))?)?")


@dataclass(frozen=True, slots=True)
class Scope:
    """A tenant, or one learner of it."""

    tenant: TenantId
    learner: LearnerId | None


@dataclass(frozen=True, slots=True)
class EntryName:
    """One entry; without its learner when only its id is known (AIP-159)."""

    scope: Scope
    entry_id: UUID


def institution_in(name: str) -> TenantId | None:
    """Return the institution that a name begins with, whatever comes behind it, or nothing."""
    found = _institution.fullmatch(name)
    return TenantId(found[1]) if found is not None and is_opaque(found[1]) else None


def learner_in(name: str) -> LearnerId | None:
    """Return the learner that a name names, whatever comes behind, or nothing."""
    found = _learner.fullmatch(name)
    return LearnerId(found[1]) if found is not None and is_opaque(found[1]) else None


def read_learner(name: str, field: str = "name") -> tuple[TenantId, LearnerId]:
    """Read the name of a learner's record, which a request has in a field."""
    tenant, learner, entry = _read(name, field, LEARNER)
    if learner is None or learner == ANY or entry is not None:
        raise _wrong(field, LEARNER)
    return tenant, LearnerId(learner)


def read_parent(parent: str) -> Scope:
    """Read what entries are listed of: a tenant or one learner."""
    tenant, learner, entry = _read(parent, "parent", f"{TENANT} or {LEARNER}")
    if entry is not None or learner == ANY:
        raise _wrong("parent", f"{TENANT} or {LEARNER}")
    return Scope(tenant, None if learner is None else LearnerId(learner))


def read_entry(name: str) -> EntryName:
    """Read the name of an entry."""
    tenant, learner, entry = _read(name, "name", ENTRY)
    if learner is None or entry is None:
        raise _wrong("name", ENTRY)
    try:
        entry_id = UUID(entry)
    except ValueError:
        raise _wrong("name", ENTRY) from None
    return EntryName(Scope(tenant, None if learner == ANY else LearnerId(learner)), entry_id)


def partner_name(tenant: TenantId, partner: str, version: int) -> str:
    """Return the name of one version of a partner."""
    return f"institutions/{tenant}/partners/{partner}@{version}"


def learner_name(tenant: TenantId, learner: str) -> str:
    """Return the name of a learner's record."""
    return f"institutions/{tenant}/learners/{learner}"


def basis_name(tenant: TenantId, basis: str) -> str:
    """Return the name of a sharing basis."""
    return f"institutions/{tenant}/sharingBases/{basis}"


def read_basis_name(name: str) -> tuple[TenantId, str]:
    """Read the name of a sharing basis."""
    found = _basis.fullmatch(name)
    if found is None or not is_opaque(found[1]):
        raise _wrong("name", BASIS)
    return TenantId(found[1]), found[2]


def _read(name: str, field: str, form: str) -> tuple[TenantId, str | None, str | None]:
    found = _segments.fullmatch(name)
    if found is None:
        raise _wrong(field, form)
    tenant, learner, entry = found.groups()
    if not is_opaque(tenant) or not (learner is None or learner == ANY or is_opaque(learner)):
        raise _wrong(field, form)
    return TenantId(tenant), learner, entry


def _wrong(field: str, form: str) -> Refusal:
    return invalid(Violation(field, f"must be {form}, with opaque ids"))
