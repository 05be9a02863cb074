# SPDX-License-Identifier: Apache-2.0
"""``cairn.assessment.v1.SourceService``: issues, ends and lists the credentials of platforms.

Errors leave as they are; the edge of the chassis gives them their status.
"""

import re
from collections.abc import Mapping
from typing import Any

from cairn.assessment.v1 import source_credential_pb2
from cairn.assessment.v1 import source_service_pb2 as messages
from cairn.assessment.v1 import source_service_pb2_grpc as stubs
from cairn.ids import TenantId, is_opaque
from chassis.database import Pool, transaction
from chassis.operations.actions import note
from chassis.operations.names import (
    LATEST,
    number_token,
    page_size,
    read_number_token,
    read_operator,
)
from chassis.rpc.operators import Operators
from chassis.rpc.peer import caller_of
from chassis.rpc.refusal import Refusal, Violation, invalid
from services.assessment.adapters import postgres_credentials as store
from services.assessment.adapters.postgres_credentials import Kept
from services.assessment.app.credentials import MOST_HELD, Issued
from services.assessment.app.sources import Source

NAME = messages.DESCRIPTOR.services_by_name["SourceService"].full_name
_SOURCE = "institutions/{institution}/sources/{source}"
_CREDENTIAL = f"{_SOURCE}/credentials/{{credential}}"
_source = re.compile(r"institutions/([^/]+)/sources/([a-z0-9][a-z0-9-]{0,62})")
_credential = re.compile(rf"{_source.pattern}/credentials/([0-9a-f]{{12}})")


class SourceService(stubs.SourceServiceServicer):
    """Keeps by what platforms are known."""

    def __init__(self, pool: Pool, sources: Mapping[str, Source], operators: Operators) -> None:
        self._pool = pool
        self._sources = sources
        self._operators = operators

    async def IssueCredential(  # noqa: N802 - the contract's name
        self, request: messages.IssueCredentialRequest, context: Any
    ) -> messages.IssueCredentialResponse:
        known_as = self._operators.authorise(caller_of(context))
        source = self._sources.get((named := _read(_source, request.parent, "parent", _SOURCE)).name)
        if source is None or source.tenant != named.tenant:
            raise Refusal("NOT_FOUND", "there is no such source in ASSESSMENT_SOURCES")
        operator, issued = read_operator(request.operator, known_as), Issued.new()
        async with transaction(self._pool, [source.tenant]) as connection:
            if await store.lock(connection, source) >= MOST_HELD:
                raise invalid(Violation("parent", f"has {MOST_HELD} credentials that hold: revoke one first"))
            message = _message(source, await store.add(connection, source, issued))
            await note(connection, operator, "issue_credential", message.name, source.tenant)
        return messages.IssueCredentialResponse(credential=message, secret=issued.secret)

    async def RevokeCredential(  # noqa: N802 - the contract's name
        self, request: messages.RevokeCredentialRequest, context: Any
    ) -> messages.RevokeCredentialResponse:
        known_as = self._operators.authorise(caller_of(context))
        source = _read(_credential, request.name, "name", _CREDENTIAL)
        operator, credential = read_operator(request.operator, known_as), request.name.rpartition("/")[2]
        async with transaction(self._pool, [source.tenant]) as connection:
            ended = await store.revoke(connection, source, credential)
            kept = await store.find(connection, source, credential)
            if kept is None:
                raise Refusal("NOT_FOUND", "there is no such credential")
            message = _message(source, kept)
            if ended:
                await note(connection, operator, "revoke_credential", message.name, source.tenant)
        return messages.RevokeCredentialResponse(credential=message)

    async def ListCredentials(  # noqa: N802 - the contract's name
        self, request: messages.ListCredentialsRequest, context: Any
    ) -> messages.ListCredentialsResponse:
        self._operators.authorise(caller_of(context))
        source = _read(_source, request.parent, "parent", _SOURCE)
        size, before = page_size(request.page_size), read_number_token(request.page_token, LATEST)
        async with transaction(self._pool, [source.tenant]) as connection:
            found = await store.page(connection, source, before, size + 1)
        page = found[:size]
        return messages.ListCredentialsResponse(
            credentials=[_message(source, each) for each in page],
            next_page_token=number_token(page[-1].number) if len(found) > size else "",
        )


def _read(pattern: "re.Pattern[str]", name: str, field: str, form: str) -> Source:
    """Read of which source something is asked, also of one that is in the settings no more."""
    named = pattern.fullmatch(name)
    if named is None or not is_opaque(named[1]):
        raise invalid(Violation(field, f"must be {form}"))
    return Source(name=named[2], tenant=TenantId(named[1]))


def _message(source: Source, kept: Kept) -> source_credential_pb2.SourceCredential:
    message = source_credential_pb2.SourceCredential(
        name=f"institutions/{source.tenant}/sources/{source.name}/credentials/{kept.credential}"
    )
    message.issue_time.FromDatetime(kept.issued_at)
    if kept.revoked_at is not None:
        message.revoke_time.FromDatetime(kept.revoked_at)
    return message
