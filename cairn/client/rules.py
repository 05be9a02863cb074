# SPDX-License-Identifier: Apache-2.0
"""Publish and read the rules of one institution."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import uuid4

import grpc

from cairn.client.channel import ask, open_channel
from cairn.client.tls import Tls
from cairn.recognition.v1.rule_pb2 import Rule
from cairn.recognition.v1.rule_service_pb2 import (
    GetRuleRequest,
    ListRulesRequest,
    PublishRulesRequest,
    PublishRulesResponse,
    RuleDocument,
)
from cairn.recognition.v1.rule_service_pb2_grpc import RuleServiceStub


class RulesClient:
    """Publishes and reads the rules of one institution; every method raises CallError."""

    def __init__(self, channel: grpc.aio.Channel, tenant: str, operator: str = "") -> None:
        """Use a channel that the caller closes; who publishes says who it is, as ``operator``."""
        self._stub = RuleServiceStub(channel)
        self._institution = f"institutions/{tenant}"
        self._operator = operator

    async def publish(self, documents: Mapping[str, str]) -> PublishRulesResponse:
        """Publish all documents or none: name → YAML or JSON; answered in the order of the mapping."""
        request = PublishRulesRequest(
            parent=self._institution,
            documents=[RuleDocument(name=name, document=text) for name, text in documents.items()],
            request_id=str(uuid4()),
            operator=self._operator,
        )
        return await ask(self._stub.PublishRules, request)

    async def published(self) -> AsyncIterator[Rule]:
        """Yield every published version, by id and version, without its document."""
        request = ListRulesRequest(parent=self._institution, page_size=1000)
        while True:
            page = await ask(self._stub.ListRules, request)
            for rule in page.rules:
                yield rule
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def rule(self, rule: str, version: int | None = None) -> Rule:
        """Return one version with its document; the newest by default."""
        suffix = "" if version is None else f"@{version}"
        request = GetRuleRequest(name=f"{self._institution}/rules/{rule}{suffix}")
        return (await ask(self._stub.GetRule, request)).rule


@asynccontextmanager
async def open_rules(
    address: str, tenant: str, operator: str = "", *, tls: Tls | None = None
) -> AsyncIterator[RulesClient]:
    """Open a channel of its own for a client."""
    async with open_channel(address, tls) as channel:
        yield RulesClient(channel, tenant, operator)
