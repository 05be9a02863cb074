# SPDX-License-Identifier: Apache-2.0
"""Issue, end and list the credentials by which an institution's platforms publish over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from cairn.assessment.v1.source_credential_pb2 import SourceCredential
from cairn.assessment.v1.source_service_pb2 import (
    IssueCredentialRequest,
    IssueCredentialResponse,
    ListCredentialsRequest,
    RevokeCredentialRequest,
)
from cairn.assessment.v1.source_service_pb2_grpc import SourceServiceStub
from cairn.client.channel import ask, open_channel
from cairn.client.tls import Tls


class SourcesClient:
    """Keeps the credentials of one institution's platforms; every method raises CallError."""

    def __init__(self, channel: grpc.aio.Channel, tenant: str, operator: str = "") -> None:
        """Use a channel that the caller closes; who issues or ends says who it is, as ``operator``."""
        self._stub = SourceServiceStub(channel)
        self._institution = f"institutions/{tenant}"
        self._operator = operator

    async def issue(self, source: str) -> IssueCredentialResponse:
        """Issue a further credential; its secret is in this answer and nowhere else."""
        request = IssueCredentialRequest(parent=self._source(source), operator=self._operator)
        return await ask(self._stub.IssueCredential, request)

    async def revoke(self, source: str, credential: str) -> SourceCredential:
        """End a credential for good."""
        name = f"{self._source(source)}/credentials/{credential}"
        request = RevokeCredentialRequest(name=name, operator=self._operator)
        return (await ask(self._stub.RevokeCredential, request)).credential

    async def credentials(self, source: str) -> AsyncIterator[SourceCredential]:
        """Yield the credentials of a source, the latest first, revoked ones as well."""
        request = ListCredentialsRequest(parent=self._source(source), page_size=1000)
        while True:
            page = await ask(self._stub.ListCredentials, request)
            for credential in page.credentials:
                yield credential
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _source(self, source: str) -> str:
        return f"{self._institution}/sources/{source}"


@asynccontextmanager
async def open_sources(
    address: str, tenant: str, operator: str = "", *, tls: Tls | None = None
) -> AsyncIterator[SourcesClient]:
    """Open a channel of its own for a client."""
    async with open_channel(address, tls) as channel:
        yield SourcesClient(channel, tenant, operator)
