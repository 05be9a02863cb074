# SPDX-License-Identifier: Apache-2.0
"""Publish and list the partners of one institution."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import grpc

from cairn.client.channel import ask, open_channel
from cairn.client.tls import Tls
from cairn.records.v1.partner_pb2 import Partner
from cairn.records.v1.partner_service_pb2 import (
    ListPartnersRequest,
    PartnerDocument,
    PublishPartnersRequest,
    PublishPartnersResponse,
)
from cairn.records.v1.partner_service_pb2_grpc import PartnerServiceStub


class PartnersClient:
    """Publishes and lists the partners of one institution; every method raises CallError."""

    def __init__(self, channel: grpc.aio.Channel, tenant: str, operator: str = "") -> None:
        """Use a channel that the caller closes; who publishes says who it is, as ``operator``."""
        self._stub = PartnerServiceStub(channel)
        self._institution = f"institutions/{tenant}"
        self._operator = operator

    async def publish(self, documents: Mapping[str, str]) -> PublishPartnersResponse:
        """Publish all documents or none: name → YAML or JSON; answered in the order of the mapping."""
        request = PublishPartnersRequest(
            parent=self._institution,
            documents=[PartnerDocument(name=name, document=text) for name, text in documents.items()],
            operator=self._operator,
        )
        return await ask(self._stub.PublishPartners, request)

    async def partners(self) -> AsyncIterator[Partner]:
        """Yield the newest version of each partner, by id."""
        request = ListPartnersRequest(parent=self._institution, page_size=1000)
        while True:
            page = await ask(self._stub.ListPartners, request)
            for partner in page.partners:
                yield partner
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


@asynccontextmanager
async def open_partners(
    address: str, tenant: str, operator: str = "", *, tls: Tls | None = None
) -> AsyncIterator[PartnersClient]:
    """Open a channel of its own for a client."""
    async with open_channel(address, tls) as channel:
        yield PartnersClient(channel, tenant, operator)
