# SPDX-License-Identifier: Apache-2.0
"""Publish and read the mastery policies of one institution."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import uuid4

import grpc

from cairn.assessment.v1.policy_pb2 import Policy
from cairn.assessment.v1.policy_service_pb2 import (
    GetPolicyRequest,
    ListPoliciesRequest,
    PolicyDocument,
    PublishPoliciesRequest,
    PublishPoliciesResponse,
)
from cairn.assessment.v1.policy_service_pb2_grpc import PolicyServiceStub
from cairn.client.channel import ask, open_channel
from cairn.client.tls import Tls


class PoliciesClient:
    """Publishes and reads the policies of one institution; every method raises CallError."""

    def __init__(self, channel: grpc.aio.Channel, tenant: str, operator: str = "") -> None:
        """Use a channel that the caller closes; who publishes says who it is, as ``operator``."""
        self._stub = PolicyServiceStub(channel)
        self._institution = f"institutions/{tenant}"
        self._operator = operator

    async def publish(self, documents: Mapping[str, str]) -> PublishPoliciesResponse:
        """Publish all documents or none: name → YAML or JSON; answered in the order of the mapping."""
        request = PublishPoliciesRequest(
            parent=self._institution,
            documents=[PolicyDocument(name=name, document=text) for name, text in documents.items()],
            request_id=str(uuid4()),
            operator=self._operator,
        )
        return await ask(self._stub.PublishPolicies, request)

    async def published(self) -> AsyncIterator[Policy]:
        """Yield every published version, by id and version, without its document."""
        request = ListPoliciesRequest(parent=self._institution, page_size=1000)
        while True:
            page = await ask(self._stub.ListPolicies, request)
            for policy in page.policies:
                yield policy
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def policy(self, policy: str, version: int | None = None) -> Policy:
        """Return one version with its document; the newest by default."""
        suffix = "" if version is None else f"@{version}"
        request = GetPolicyRequest(name=f"{self._institution}/policies/{policy}{suffix}")
        return (await ask(self._stub.GetPolicy, request)).policy


@asynccontextmanager
async def open_policies(
    address: str, tenant: str, operator: str = "", *, tls: Tls | None = None
) -> AsyncIterator[PoliciesClient]:
    """Open a channel of its own for a client."""
    async with open_channel(address, tls) as channel:
        yield PoliciesClient(channel, tenant, operator)
