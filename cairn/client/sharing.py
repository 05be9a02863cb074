# SPDX-License-Identifier: Apache-2.0
"""Grant, revoke and list the sharing bases of one institution."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import grpc

from cairn.client.channel import ask, open_channel
from cairn.client.tls import Tls
from cairn.records.v1.sharing_basis_pb2 import SharingBasis
from cairn.records.v1.sharing_service_pb2 import (
    GrantSharingBasesRequest,
    GrantSharingBasesResponse,
    ListSharingBasesRequest,
    RevokeSharingBasisRequest,
    RevokeSharingBasisResponse,
    SharingBasisDocument,
)
from cairn.records.v1.sharing_service_pb2_grpc import SharingServiceStub


class SharingClient:
    """Grants, revokes and lists the sharing bases of one institution; every method raises CallError."""

    def __init__(self, channel: grpc.aio.Channel, tenant: str, operator: str = "") -> None:
        """Use a channel that the caller closes; who grants or revokes says who it is, as ``operator``."""
        self._stub = SharingServiceStub(channel)
        self._institution = f"institutions/{tenant}"
        self._operator = operator

    async def grant(self, documents: Mapping[str, str]) -> GrantSharingBasesResponse:
        """Grant all documents or none: name → YAML or JSON; answered in the order of the mapping."""
        request = GrantSharingBasesRequest(
            parent=self._institution,
            documents=[SharingBasisDocument(name=name, document=text) for name, text in documents.items()],
            operator=self._operator,
        )
        return await ask(self._stub.GrantSharingBases, request)

    async def revoke(self, basis: str, reason: str) -> RevokeSharingBasisResponse:
        """End a basis at once."""
        request = RevokeSharingBasisRequest(
            name=f"{self._institution}/sharingBases/{basis}", reason=reason, operator=self._operator
        )
        return await ask(self._stub.RevokeSharingBasis, request)

    async def bases(self, *, learner: str | None = None) -> AsyncIterator[SharingBasis]:
        """Yield the bases by id: all, or those that say something of a learner."""
        parent = self._institution if learner is None else f"{self._institution}/learners/{learner}"
        request = ListSharingBasesRequest(parent=parent, page_size=200)
        while True:
            page = await ask(self._stub.ListSharingBases, request)
            for basis in page.sharing_bases:
                yield basis
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


@asynccontextmanager
async def open_sharing(
    address: str, tenant: str, operator: str = "", *, tls: Tls | None = None
) -> AsyncIterator[SharingClient]:
    """Open a channel of its own for a client."""
    async with open_channel(address, tls) as channel:
        yield SharingClient(channel, tenant, operator)
