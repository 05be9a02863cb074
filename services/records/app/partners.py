# SPDX-License-Identifier: Apache-2.0
"""Who calls, of the partners that hold at present."""

from collections.abc import Iterable
from datetime import datetime

import structlog

from cairn.ids import TenantId
from chassis.errors import Reject
from chassis.rpc.authorities import Authorities, Vouched
from chassis.rpc.caller import Certified
from chassis.rpc.certificates import claimed_by
from chassis.rpc.seldom import Seldom
from services.records.app.partner_documents import read_authorities
from services.records.domain.partner import Partner

log = structlog.get_logger()


class Partners:
    """The newest version of each partner of every institution, which stays as it is."""

    def __init__(self, newest: Iterable[tuple[TenantId, Partner]] = ()) -> None:
        """Take them; one whose authorities cannot be read any more is nobody, which is told."""
        self._by_identity: dict[tuple[TenantId, str], tuple[Partner, Authorities]] = {}
        self._seldom = Seldom()
        self.bundles: list[Authorities] = []
        """The authorities of each of them, in the order given."""
        for tenant, partner in newest:
            if not partner.withdrawn:
                self._take(tenant, partner)

    def whom(self, tenant: TenantId, caller: Certified, at: datetime) -> Partner | None:
        """Return for which partner of an institution somebody calls.

        A name counts only where that partner's own authorities vouch for the certificate (ADR 0009).
        """
        for identity in sorted(claimed_by(caller.chain)):
            partner, authorities = self._by_identity.get((tenant, identity), (None, None))
            if partner is None or authorities is None:
                continue
            vouched = authorities.vouched(caller.chain, at)
            if identity in vouched.identities:
                return partner
            self._tell(tenant, partner, vouched, at)
        return None

    def _tell(self, tenant: TenantId, partner: Partner, vouched: Vouched, at: datetime) -> None:
        """Say why, for who has to find out whose certificate is not right; the caller is not told."""
        if self._seldom.now(at):
            log.warning("no partner", tenant=tenant, partner=partner.partner, reason=vouched.reason)

    def _take(self, tenant: TenantId, partner: Partner) -> None:
        try:
            authorities = read_authorities(partner)
        except Reject as error:
            log.warning("partner not taken", tenant=tenant, partner=partner.partner, reason=error.reason)
            return
        self.bundles.append(authorities)
        for identity in partner.identities:
            self._by_identity[tenant, identity] = partner, authorities


NOBODY = Partners()
