# SPDX-License-Identifier: Apache-2.0
"""Who may ask: operators of the service, systems of the institution itself, and others under a basis."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, Protocol

import structlog
from cachetools import LRUCache

from cairn.events.wire import SLUG
from cairn.ids import LearnerId, TenantId
from chassis.errors import Retry
from chassis.rpc.caller import Caller, Certified
from chassis.rpc.operators import Operators
from chassis.rpc.refusal import Refusal
from chassis.rpc.seldom import Seldom
from services.records.app.bases import Bases
from services.records.app.partners import Partners
from services.records.domain.mask import EVERYTHING, Mask, read_mask, written
from services.records.domain.partner import Partner
from services.records.domain.sharing_basis import View

VIEWS: Mapping[str, View] = {
    "GetLearnerRecord": View.LEARNER_RECORD,
    "GetEntry": View.ENTRY,
    "ListEntries": View.ENTRIES,
    "WatchEntries": View.ENTRIES,
}
"""What each method shows; what is not in here is shown to no other institution."""

_purpose = re.compile(SLUG)
# Of how many partners the log says at most once a minute that they are refused.
_MOST_TOLD = 1000
log = structlog.get_logger()


class Asked(NamedTuple):
    """What of a call counts before anything else of it: of whom, by which method, and what for."""

    tenant: TenantId | None
    learner: LearnerId | None
    method: str
    purpose: str


def is_purpose(text: str) -> bool:
    """Tell whether a text can be the purpose of a basis."""
    return _purpose.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class PartnerReference:
    """The exact version of a partner."""

    partner: str
    version: int


@dataclass(frozen=True, slots=True)
class Permission:
    """What a use case demands before it reads: who is told, by which method, on which legal basis.

    What is told to a ``partner`` is told only while that version of it holds, and what is told under a
    ``sharing_basis`` only while that is in force.
    """

    method: str
    recipient: str
    legal_basis: str
    partner: PartnerReference | None = None
    purpose: str = ""
    sharing_basis: str | None = None
    fields: Mask = EVERYTHING
    """What may leave of the answer."""
    notice: str = ""
    """What the recipient is told of what it may not do."""
    history: bool = True
    """Whether the record may be asked for as of another time."""

    @property
    def told_fields(self) -> str | None:
        """What leaves of the answer, as the log keeps it; None where it is all."""
        return None if self.fields == EVERYTHING else ",".join(written(self.fields))


class Authority(Protocol):
    """Decides before anything of the request is looked at but what is ``asked`` (AIP-211)."""

    async def authorise(self, caller: Caller, asked: Asked) -> Permission:
        """Return the permission; raise the refusal that tells nothing of what there is."""
        ...


class ByCertificate:
    """Lets an institution's own systems read its record, others under a basis, and operators every one."""

    def __init__(
        self,
        operators: Operators,
        partners: Callable[[], Partners | None],
        bases: Bases,
        clock: Callable[[], datetime],
    ) -> None:
        """Begin; ``partners`` tells who they are now, None where nobody has read it yet."""
        self._operators = operators
        self._partners = partners
        self._bases = bases
        self._clock = clock
        self._seldom: LRUCache[tuple[TenantId, str], Seldom] = LRUCache(_MOST_TOLD)

    async def authorise(self, caller: Caller, asked: Asked) -> Permission:
        partners = self._partners()
        if partners is not None and asked.tenant is not None and isinstance(caller, Certified):
            partner = partners.whom(asked.tenant, caller, self._clock())
            if partner is not None and partner.own:
                return _permission(partner, asked, "the institution's own record")
            if partner is not None:
                return await self._under_a_basis(partner, asked.tenant, asked)
        try:
            known_as = self._operators.authorise(caller) or "operator"
        except Refusal:
            if partners is None:
                raise Retry("who may ask has not been read yet") from None
            raise
        return Permission(asked.method, known_as, "operation of the service", purpose=asked.purpose)

    async def _under_a_basis(self, partner: Partner, tenant: TenantId, asked: Asked) -> Permission:
        view = VIEWS.get(asked.method)
        found = None
        # Whose entry it is has to be said: an id alone would tell.
        said = asked.learner is not None or view is View.ENTRIES
        if view is not None and said and is_purpose(asked.purpose):
            found = await self._bases.in_force(tenant, partner.partner, asked.purpose, view, asked.learner)
        if view is None or found is None:
            self._tell(partner, tenant, asked)
            # The same words whatever is missing, and whether or not there is such a learner.
            raise Refusal("PERMISSION_DENIED", "no sharing basis is in force for this call")
        basis = found.basis
        return replace(
            _permission(partner, asked, basis.legal_basis.kind),
            sharing_basis=basis.basis,
            fields=read_mask(basis.views[view]),
            history=basis.history,
            notice=found.notice,
        )

    def _tell(self, partner: Partner, tenant: TenantId, asked: Asked) -> None:
        """Say that a partner asked for what it has no basis for: it may be trying learners out."""
        key = tenant, partner.partner
        seldom = self._seldom[key] = self._seldom.get(key) or Seldom()
        if seldom.now(self._clock()):
            log.warning("not told", tenant=tenant, partner=partner.partner, method=asked.method)


def _permission(partner: Partner, asked: Asked, legal_basis: str) -> Permission:
    return Permission(
        asked.method,
        recipient=f"{partner.partner}@{partner.version}",
        legal_basis=legal_basis,
        partner=PartnerReference(partner.partner, partner.version),
        purpose=asked.purpose,
    )
