# SPDX-License-Identifier: Apache-2.0
"""``cairn.records.v1.PartnerService``: reads a request, runs the use case, writes the answer.

Errors leave as they are; the edge of the chassis gives them their status.
"""

import re
from typing import Any

from cairn.ids import TenantId
from cairn.records.v1 import partner_pb2
from cairn.records.v1 import partner_service_pb2 as messages
from cairn.records.v1 import partner_service_pb2_grpc as stubs
from chassis.database import Pool, transaction
from chassis.documents import Document
from chassis.operations.actions import note
from chassis.operations.names import page_size, read_institution, read_operator
from chassis.rpc.operators import Operators
from chassis.rpc.page_token import read_place, write_place
from chassis.rpc.peer import caller_of
from services.records.adapters.postgres_partners import PostgresPartners
from services.records.app.names import partner_name
from services.records.app.partner_documents import read_documents
from services.records.app.publish_partners import Published, Request, publish

NAME = messages.DESCRIPTOR.services_by_name["PartnerService"].full_name
_slug = re.compile(r"[a-z0-9._-]{1,128}")


class PartnerService(stubs.PartnerServiceServicer):
    """Publishes and tells partners."""

    def __init__(self, pool: Pool, store: PostgresPartners, operators: Operators) -> None:
        self._pool = pool
        self._store = store
        self._operators = operators

    async def PublishPartners(  # noqa: N802 - the contract's name
        self, request: messages.PublishPartnersRequest, context: Any
    ) -> messages.PublishPartnersResponse:
        known_as = self._operators.authorise(caller_of(context))
        tenant, operator = read_institution(request.parent), read_operator(request.operator, known_as)
        documents = [Document(each.name, each.document) for each in request.documents]
        wanted = Request(tenant, documents, read_documents(documents))
        async with transaction(self._pool, [tenant]) as connection:
            published = await publish(connection, self._store, wanted)
            for each, stood in published:
                if not stood:
                    await note(connection, operator, "publish_partner", _message(tenant, each).name, tenant)
        return messages.PublishPartnersResponse(
            partners=[
                messages.PublishedPartner(partner=_message(tenant, each), already_published=stood)
                for each, stood in published
            ]
        )

    async def ListPartners(  # noqa: N802 - the contract's name
        self, request: messages.ListPartnersRequest, context: Any
    ) -> messages.ListPartnersResponse:
        self._operators.authorise(caller_of(context))
        tenant, size = read_institution(request.parent), page_size(request.page_size)
        after = read_place(request.page_token, _slug)[0] if request.page_token else ""
        async with transaction(self._pool, [tenant]) as connection:
            found = await self._store.page(connection, tenant, after, size + 1)
        page = found[:size]
        last = page[-1].version.partner.partner if len(found) > size else None
        return messages.ListPartnersResponse(
            partners=[_message(tenant, each) for each in page],
            next_page_token="" if last is None else write_place(last),
        )


def _message(tenant: TenantId, published: Published) -> partner_pb2.Partner:
    partner = published.version.partner
    message = partner_pb2.Partner(
        name=partner_name(tenant, partner.partner, partner.version),
        partner_id=partner.partner,
        version=partner.version,
        hash=published.version.hash,
        title=partner.name,
        own=partner.own,
        withdrawn=partner.withdrawn,
        identities=partner.identities,
    )
    message.publish_time.FromDatetime(published.published_at)
    return message
