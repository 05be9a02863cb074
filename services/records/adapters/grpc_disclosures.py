# SPDX-License-Identifier: Apache-2.0
"""From the log of disclosures to the messages of ``cairn.records.v1``."""

from cairn.ids import TenantId
from cairn.records.v1 import disclosure_pb2
from services.records.app.disclosures_told import Logged
from services.records.app.names import basis_name, partner_name


def disclosure_message(tenant: TenantId, logged: Logged) -> disclosure_pb2.Disclosure:
    """Write one disclosure."""
    partner = logged.partner
    message = disclosure_pb2.Disclosure(
        name=f"institutions/{tenant}/disclosures/{logged.place.disclosure_id}",
        recipient=logged.recipient,
        partner="" if partner is None else partner_name(tenant, partner.partner, partner.version),
        legal_basis=logged.legal_basis,
        purpose=logged.purpose,
        sharing_basis="" if logged.sharing_basis is None else basis_name(tenant, logged.sharing_basis),
        method=logged.method,
        of_learner_alone=logged.of_learner_alone,
        asked=logged.asked,
        told=logged.told,
    )
    message.disclose_time.FromDatetime(logged.place.at)
    return message
