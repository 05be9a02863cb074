# SPDX-License-Identifier: Apache-2.0
"""``cairn.records.v1.SharingService``: reads a request, runs the use case, writes the answer.

Errors leave as they are; the edge of the chassis gives them their status.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from cairn.events.wire import SLUG
from cairn.ids import TenantId
from cairn.records.v1 import sharing_basis_pb2
from cairn.records.v1 import sharing_service_pb2 as messages
from cairn.records.v1 import sharing_service_pb2_grpc as stubs
from chassis.database import Pool, transaction
from chassis.documents import Document
from chassis.errors import Reject
from chassis.operations.actions import note
from chassis.operations.names import page_size, read_institution, read_operator
from chassis.rpc.operators import Operators
from chassis.rpc.page_token import read_place, write_place
from chassis.rpc.peer import caller_of
from chassis.rpc.refusal import Violation, invalid
from services.records.adapters.grpc_messages import timestamp
from services.records.adapters.masks import check_fields
from services.records.adapters.postgres_sharing import PostgresSharing
from services.records.app.grant_sharing import MOST_DOCUMENTS, Granted, Request, grant, revoke
from services.records.app.names import basis_name, learner_name, read_basis_name, read_parent
from services.records.app.sharing_documents import read_canonical, read_documents

NAME = messages.DESCRIPTOR.services_by_name["SharingService"].full_name
_LONGEST_REASON = 500
_slug = re.compile(SLUG)


class SharingService(stubs.SharingServiceServicer):
    """Grants, revokes and tells sharing bases."""

    def __init__(
        self, pool: Pool, store: PostgresSharing, operators: Operators, clock: Callable[[], datetime]
    ) -> None:
        self._pool = pool
        self._store = store
        self._operators = operators
        self._clock = clock

    async def GrantSharingBases(  # noqa: N802 - the contract's name
        self, request: messages.GrantSharingBasesRequest, context: Any
    ) -> messages.GrantSharingBasesResponse:
        known_as = self._operators.authorise(caller_of(context))
        tenant, operator = read_institution(request.parent), read_operator(request.operator, known_as)
        documents = [Document(each.name, each.document) for each in request.documents]
        if len(documents) > MOST_DOCUMENTS:
            raise invalid(Violation("documents", f"must be at most {MOST_DOCUMENTS}"))
        # Reading so many takes seconds, in which others are to be answered.
        bases = await asyncio.to_thread(read_documents, documents, check_fields)
        wanted = Request(tenant, documents, bases, operator)
        async with transaction(self._pool, [tenant]) as connection:
            granted = await grant(connection, self._store, wanted, self._clock())
            for each, stood in granted:
                if not stood:
                    await note(
                        connection, operator, "grant_sharing_basis", basis_name(tenant, each.basis), tenant
                    )
        return messages.GrantSharingBasesResponse(
            sharing_bases=[
                messages.GrantedSharingBasis(sharing_basis=_message(tenant, each), already_granted=stood)
                for each, stood in granted
            ]
        )

    async def RevokeSharingBasis(  # noqa: N802 - the contract's name
        self, request: messages.RevokeSharingBasisRequest, context: Any
    ) -> messages.RevokeSharingBasisResponse:
        known_as = self._operators.authorise(caller_of(context))
        tenant, basis = read_basis_name(request.name)
        operator, reason = read_operator(request.operator, known_as), _reason(request.reason)
        async with transaction(self._pool, [tenant]) as connection:
            ended, before = await revoke(connection, self._store, tenant, basis, (reason, operator))
            if not before:
                await note(connection, operator, "revoke_sharing_basis", request.name, tenant)
        return messages.RevokeSharingBasisResponse(
            sharing_basis=_message(tenant, ended), already_revoked=before
        )

    async def ListSharingBases(  # noqa: N802 - the contract's name
        self, request: messages.ListSharingBasesRequest, context: Any
    ) -> messages.ListSharingBasesResponse:
        self._operators.authorise(caller_of(context))
        scope, size = read_parent(request.parent), page_size(request.page_size)
        after = read_place(request.page_token, _slug)[0] if request.page_token else ""
        async with transaction(self._pool, [scope.tenant]) as connection:
            found = await self._store.page(connection, scope.tenant, scope.learner, after, size + 1)
        page = found[:size]
        last = page[-1].basis if len(found) > size else None
        return messages.ListSharingBasesResponse(
            sharing_bases=[_message(scope.tenant, each) for each in page],
            next_page_token="" if last is None else write_place(last),
        )


def _reason(text: str) -> str:
    if not text.strip() or len(text) > _LONGEST_REASON or "\x00" in text:
        raise invalid(Violation("reason", f"must say why, in at most {_LONGEST_REASON} characters"))
    return text


def _message(tenant: TenantId, granted: Granted) -> sharing_basis_pb2.SharingBasis:
    message = sharing_basis_pb2.SharingBasis(
        name=basis_name(tenant, granted.basis),
        partner_id=granted.partner,
        purpose=granted.purpose,
        clause=granted.clause,
        learner="" if granted.learner is None else learner_name(tenant, granted.learner),
        start_time=timestamp(granted.starts_at),
        end_time=timestamp(granted.ends_at),
        grant_time=timestamp(granted.at),
        granter=granted.by,
        hash=granted.hash,
        document=granted.document,
    )
    if (ended := granted.revocation) is not None:
        message.revoke_time.FromDatetime(ended.at)
        message.revoker, message.revoke_reason = ended.by, ended.reason
    # What only a newer process can read is told as it is written, and not by its parts.
    with suppress(Reject):
        basis = read_canonical(granted.document)
        message.legal_basis = basis.legal_basis.kind
        for view, fields in basis.views.items():
            shared = sharing_basis_pb2.SharedView.Value(f"SHARED_VIEW_{view.name}")
            message.views.add(view=shared, fields=FieldMask(paths=fields))
    return message
