# SPDX-License-Identifier: Apache-2.0
"""``cairn.assessment.v1.PolicyService``: reads a request, runs the use case, writes the answer.

Errors leave as they are; the edge of the chassis gives them their status.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import date
from typing import Any
from uuid import UUID

from google.type.date_pb2 import Date

from cairn.assessment.v1 import policy_pb2
from cairn.assessment.v1 import policy_service_pb2 as messages
from cairn.assessment.v1 import policy_service_pb2_grpc as stubs
from cairn.ids import TenantId, is_opaque
from chassis.database import Pool, transaction
from chassis.documents import Document
from chassis.operations.actions import note
from chassis.operations.names import read_operator
from chassis.rpc.operators import Operators
from chassis.rpc.peer import caller_of
from chassis.rpc.refusal import Refusal, Violation, invalid
from services.assessment.adapters.postgres_policies import PostgresPolicies
from services.assessment.app.publish_policies import Published, publish

NAME = messages.DESCRIPTOR.services_by_name["PolicyService"].full_name

_TENANT = "institutions/{institution}"
_POLICY = f"{_TENANT}/policies/{{policy}}@{{version}}"
_parent = re.compile(r"institutions/([^/]+)")
_name = re.compile(r"institutions/([^/]+)/policies/([^/@]+)(?:@([1-9][0-9]{0,8}))?")
_USUAL_PAGE, _LARGEST_PAGE = 100, 1000


class PolicyService(stubs.PolicyServiceServicer):
    """Publishes and tells mastery policies."""

    def __init__(self, pool: Pool, policies: PostgresPolicies, operators: Operators) -> None:
        self._pool = pool
        self._policies = policies
        self._operators = operators

    async def PublishPolicies(  # noqa: N802 - the contract's name
        self, request: messages.PublishPoliciesRequest, context: Any
    ) -> messages.PublishPoliciesResponse:
        known_as = self._operators.authorise(caller_of(context))
        tenant, operator = _read_parent(request.parent), read_operator(request.operator, known_as)
        documents = [Document(each.name, each.document) for each in request.documents]
        async with transaction(self._pool, [tenant]) as connection:
            published = await publish(
                connection, self._policies, tenant, documents, _request_id(request.request_id)
            )
            for each, stood in published.versions:
                if not stood:
                    await note(connection, operator, "publish_policy", _message(tenant, each).name, tenant)
        return messages.PublishPoliciesResponse(
            policies=[
                messages.PublishedPolicy(policy=_message(tenant, each), already_published=stood)
                for each, stood in published.versions
            ],
            epoch=published.epoch,
        )

    async def ListPolicies(  # noqa: N802 - the contract's name
        self, request: messages.ListPoliciesRequest, context: Any
    ) -> messages.ListPoliciesResponse:
        self._operators.authorise(caller_of(context))
        tenant = _read_parent(request.parent)
        if request.page_size < 0:
            raise invalid(Violation("page_size", "must not be negative"))
        size = min(request.page_size or _USUAL_PAGE, _LARGEST_PAGE)
        after = _read_token(request.page_token)
        async with transaction(self._pool, [tenant]) as connection:
            found = list(await self._policies.page(connection, tenant, after, size + 1))
        page = found[:size]
        return messages.ListPoliciesResponse(
            policies=[_message(tenant, each) for each in page],
            next_page_token=_token(page[-1]) if len(found) > size else "",
        )

    async def GetPolicy(  # noqa: N802 - the contract's name
        self, request: messages.GetPolicyRequest, context: Any
    ) -> messages.GetPolicyResponse:
        self._operators.authorise(caller_of(context))
        named = _name.fullmatch(request.name)
        if named is None or not is_opaque(named[1]):
            raise invalid(Violation("name", f"must be {_POLICY}"))
        tenant, version = TenantId(named[1]), int(named[3]) if named[3] else None
        async with transaction(self._pool, [tenant]) as connection:
            found = await self._policies.find(connection, tenant, named[2], version)
        if found is None:
            raise Refusal("NOT_FOUND", "there is no such policy version")
        policy = _message(tenant, found)
        policy.document = found.version.canonical
        return messages.GetPolicyResponse(policy=policy)


def _read_parent(parent: str) -> TenantId:
    named = _parent.fullmatch(parent)
    if named is None or not is_opaque(named[1]):
        raise invalid(Violation("parent", f"must be {_TENANT}, with an opaque id"))
    return TenantId(named[1])


def _request_id(text: str) -> str:
    try:
        return str(UUID(text)) if text else ""
    except ValueError:
        raise invalid(Violation("request_id", "must be a UUID")) from None


def _token(last: Published) -> str:
    policy = last.version.policy
    return urlsafe_b64encode(f"{policy.policy}@{policy.version}".encode()).decode()


def _read_token(token: str) -> tuple[str, int]:
    if not token:
        return "", 0
    try:
        policy, _, version = urlsafe_b64decode(token.encode("ascii")).decode().rpartition("@")
        return policy, int(version)
    except ValueError:
        wanted = Violation("page_token", "must be the next_page_token of the page before")
        raise Refusal("INVALID_PAGE_TOKEN", "the page token was not given for this list", [wanted]) from None


def _message(tenant: TenantId, published: Published) -> policy_pb2.Policy:
    policy = published.version.policy
    message = policy_pb2.Policy(
        name=f"institutions/{tenant}/policies/{policy.policy}@{policy.version}",
        policy_id=policy.policy,
        version=policy.version,
        hash=published.version.hash,
        title=policy.title,
        competency=policy.competency,
        effective_from=_date(policy.effective_from),
        effective_to=_date(policy.effective_to),
        epoch=published.epoch,
    )
    message.publish_time.FromDatetime(published.published_at)
    return message


def _date(day: date | None) -> Date | None:
    return None if day is None else Date(year=day.year, month=day.month, day=day.day)
