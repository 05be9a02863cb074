# SPDX-License-Identifier: Apache-2.0
"""Who calls, of the partners that hold at present."""

from collections.abc import Iterable
from datetime import datetime

import structlog

from cairn.ids import TenantId
from chassis.errors import Reject
from chassis.rpc.authorities import Authorities
from chassis.rpc.caller import Certified
from chassis.rpc.certificates import claimed_by
from services.records.domain.partner import Partner

log = structlog.get_logger()


class Partners:
    """The newest version of each partner of every institution, which stays as it is."""

    def __init__(self, newest: Iterable[tuple[TenantId, Partner]] = ()) -> None:
        """Take them; one whose authorities cannot be read any more is nobody, which is told."""
        self._by_identity: dict[tuple[TenantId, str], tuple[Partner, Authorities]] = {}
        for tenant, partner in newest:
            if not partner.withdrawn:
                self._take(tenant, partner)
        pems = {authorities.pem for _, authorities in self._by_identity.values()}
        self.bundles: tuple[bytes, ...] = tuple(sorted(pems))
        """The authorities of all of them, in PEM."""

    def whom(self, tenant: TenantId, caller: Certified, at: datetime) -> Partner | None:
        """Return for which partner of an institution somebody calls.

        A name counts only where that partner's own authorities vouch for the certificate (ADR 0009).
        """
        for identity in sorted(claimed_by(caller.chain)):
            partner, authorities = self._by_identity.get((tenant, identity), (None, None))
            if authorities is not None and identity in authorities.vouched(caller.chain, at).identities:
                return partner
        return None

    def _take(self, tenant: TenantId, partner: Partner) -> None:
        try:
            authorities = Authorities(partner.authorities.encode())
        except Reject as error:
            log.warning("partner not taken", partner=partner.partner, reason=error.reason)
            return
        for identity in partner.identities:
            self._by_identity[tenant, identity] = partner, authorities


NOBODY = Partners()
