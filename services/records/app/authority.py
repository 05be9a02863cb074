# SPDX-License-Identifier: Apache-2.0
"""Who may ask: operators of the service, and systems of the institution itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cairn.ids import TenantId
from chassis.errors import Retry
from chassis.rpc.caller import Caller, Certified
from chassis.rpc.operators import Operators
from chassis.rpc.refusal import Refusal
from services.records.app.partners import Partners


@dataclass(frozen=True, slots=True)
class PartnerReference:
    """The exact version of a partner."""

    partner: str
    version: int


@dataclass(frozen=True, slots=True)
class Permission:
    """What a use case demands before it reads: who is told, by which method, on which legal basis.

    What is told to a ``partner`` is told only while that version of it holds.
    """

    method: str
    recipient: str
    legal_basis: str
    partner: PartnerReference | None = None


class Authority(Protocol):
    """Decides before anything of the request is looked at but whose record is asked for (AIP-211)."""

    def authorise(self, caller: Caller, tenant: TenantId | None, method: str) -> Permission:
        """Return the permission; raise the refusal that tells nothing of what there is."""
        ...


class ByCertificate:
    """Lets systems of an institution read its own record, and operators of the service every one."""

    def __init__(
        self, operators: Operators, partners: Callable[[], Partners | None], clock: Callable[[], datetime]
    ) -> None:
        """Begin; ``partners`` tells who they are now, None where nobody has read it yet."""
        self._operators = operators
        self._partners = partners
        self._clock = clock

    def authorise(self, caller: Caller, tenant: TenantId | None, method: str) -> Permission:
        partners = self._partners()
        if partners is not None and tenant is not None and isinstance(caller, Certified):
            partner = partners.whom(tenant, caller, self._clock())
            if partner is not None and partner.own:
                return Permission(
                    method,
                    recipient=f"{partner.partner}@{partner.version}",
                    legal_basis="the institution's own record",
                    partner=PartnerReference(partner.partner, partner.version),
                )
        try:
            known_as = self._operators.authorise(caller) or "operator"
        except Refusal:
            if partners is None:
                raise Retry("who may ask has not been read yet") from None
            raise
        return Permission(method, recipient=known_as, legal_basis="operation of the service")
