# SPDX-License-Identifier: Apache-2.0
"""``cairn.recognition.v1.RuleService``: reads a request, runs the use case, writes the answer.

Errors leave as they are; the edge of the chassis gives them their status.
"""

from datetime import date
from typing import Any

from google.type.date_pb2 import Date

from cairn.ids import TenantId
from cairn.recognition.v1 import rule_pb2
from cairn.recognition.v1 import rule_service_pb2 as messages
from cairn.recognition.v1 import rule_service_pb2_grpc as stubs
from chassis.database import Pool, transaction
from chassis.documents import Document
from chassis.operations.actions import note
from chassis.operations.names import read_operator
from chassis.rpc.operators import Operators
from chassis.rpc.peer import caller_of
from chassis.rpc.refusal import Refusal, Violation, invalid
from services.recognition.adapters.postgres_rules import PostgresRules
from services.recognition.adapters.rule_names import (
    page_token,
    read_name,
    read_page_token,
    read_parent,
    read_request_id,
    rule_name,
)
from services.recognition.app.publish_rules import Published, Request, publish
from services.recognition.app.rule_documents import read_documents
from services.recognition.domain.allocation import Allocator

NAME = messages.DESCRIPTOR.services_by_name["RuleService"].full_name
_USUAL_PAGE, _LARGEST_PAGE = 100, 1000


class RuleService(stubs.RuleServiceServicer):
    """Publishes and tells rules."""

    def __init__(self, pool: Pool, rules: PostgresRules, allocator: Allocator, operators: Operators) -> None:
        self._pool = pool
        self._rules = rules
        self._allocator = allocator
        self._operators = operators

    async def PublishRules(  # noqa: N802 - the contract's name
        self, request: messages.PublishRulesRequest, context: Any
    ) -> messages.PublishRulesResponse:
        known_as = self._operators.authorise(caller_of(context))
        tenant, operator = read_parent(request.parent), read_operator(request.operator, known_as)
        documents = [Document(each.name, each.document) for each in request.documents]
        # Read before the transaction, which keeps every consumer of the tenant waiting.
        versions = read_documents(documents)
        wanted = Request(tenant, documents, versions, read_request_id(request.request_id))
        async with transaction(self._pool, [tenant]) as connection:
            published = await publish(connection, self._rules, self._allocator, wanted)
            for each, stood in published.versions:
                if not stood:
                    await note(connection, operator, "publish_rule", _message(tenant, each).name, tenant)
        return messages.PublishRulesResponse(
            rules=[
                messages.PublishedRule(rule=_message(tenant, each), already_published=stood)
                for each, stood in published.versions
            ],
            epoch=published.epoch,
        )

    async def ListRules(  # noqa: N802 - the contract's name
        self, request: messages.ListRulesRequest, context: Any
    ) -> messages.ListRulesResponse:
        self._operators.authorise(caller_of(context))
        tenant = read_parent(request.parent)
        if request.page_size < 0:
            raise invalid(Violation("page_size", "must not be negative"))
        size = min(request.page_size or _USUAL_PAGE, _LARGEST_PAGE)
        after = read_page_token(request.page_token)
        async with transaction(self._pool, [tenant]) as connection:
            found = list(await self._rules.page(connection, tenant, after, size + 1))
        page = found[:size]
        last = page[-1].version.rule if len(found) > size else None
        return messages.ListRulesResponse(
            rules=[_message(tenant, each) for each in page],
            next_page_token="" if last is None else page_token(last.rule, last.version),
        )

    async def GetRule(  # noqa: N802 - the contract's name
        self, request: messages.GetRuleRequest, context: Any
    ) -> messages.GetRuleResponse:
        self._operators.authorise(caller_of(context))
        tenant, rule, version = read_name(request.name)
        async with transaction(self._pool, [tenant]) as connection:
            found = await self._rules.find(connection, tenant, rule, version)
        if found is None:
            raise Refusal("NOT_FOUND", "there is no such rule version")
        message = _message(tenant, found)
        message.document = found.version.canonical
        return messages.GetRuleResponse(rule=message)


def _message(tenant: TenantId, published: Published) -> rule_pb2.Rule:
    rule = published.version.rule
    message = rule_pb2.Rule(
        name=rule_name(tenant, rule.rule, rule.version),
        rule_id=rule.rule,
        version=rule.version,
        hash=published.version.reference.hash,
        title=rule.credential.title,
        credential=rule.credential.id,
        effective_from=_date(rule.effective_from),
        effective_to=_date(rule.effective_to),
        epoch=published.epoch,
    )
    message.publish_time.FromDatetime(published.published_at)
    return message


def _date(day: date | None) -> Date | None:
    return None if day is None else Date(year=day.year, month=day.month, day=day.day)
