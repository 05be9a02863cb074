# SPDX-License-Identifier: Apache-2.0
"""``cairn.records.v1.RecordService``: reads a request, asks the use case, writes the answer."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import grpc

from cairn.records.v1 import record_service_pb2 as messages
from cairn.records.v1 import record_service_pb2_grpc as stubs
from chassis.rpc.peer import caller_of
from services.records.adapters.grpc_disclosures import disclosure_message
from services.records.adapters.grpc_messages import (
    BY_NAME,
    current_answer,
    entry_message,
    learner_record_message,
    read_date,
    read_instant,
    watch_answer,
)
from services.records.adapters.masks import asked_mask
from services.records.app.authority import VIEWS, Permission
from services.records.app.current_record import CurrentReader
from services.records.app.disclosures_told import DisclosuresTold
from services.records.app.reading import Desk, Reader
from services.records.app.watching import Watcher
from services.records.domain.mask import both
from services.records.domain.record import AsOf

Context = grpc.aio.ServicerContext[Any, Any]
NAME = messages.DESCRIPTOR.services_by_name["RecordService"].full_name
_NOW = AsOf(None, None)
_Masked: TypeAlias = (
    messages.GetLearnerRecordRequest
    | messages.GetEntryRequest
    | messages.ListEntriesRequest
    | messages.WatchEntriesRequest
)
"""Requests that say what for, and how much of the answer."""


class RecordService(stubs.RecordServiceServicer):
    """Errors leave as they are; the edge of the chassis gives them their status."""

    def __init__(
        self,
        desk: Desk,
        current: CurrentReader,
        reader: Reader,
        watcher: Watcher,
        disclosures: DisclosuresTold,
    ) -> None:
        self._desk = desk
        self._current = current
        self._reader = reader
        self._watcher = watcher
        self._disclosures = disclosures

    async def GetLearnerRecord(  # noqa: N802 - the contract's name
        self, request: messages.GetLearnerRecordRequest, context: Any
    ) -> Any:  # a message, or one that is written already
        permission = await self._permit(context, request, request.name, "GetLearnerRecord")
        as_of = _as_of(request)
        if as_of == _NOW:
            now = await self._current.learner_record(permission, request.name)
            return current_answer(now, permission.notice)
        told = await self._reader.learner_record(permission, request.name, as_of)
        return messages.GetLearnerRecordResponse(
            record=learner_record_message(told.answer, permission.fields),
            disclosure_id=str(told.disclosure_id),
            notice=permission.notice,
        )

    async def GetEntry(  # noqa: N802 - the contract's name
        self, request: messages.GetEntryRequest, context: Any
    ) -> messages.GetEntryResponse:
        permission = await self._permit(context, request, request.name, "GetEntry")
        told = await self._reader.entry(permission, request.name)
        return messages.GetEntryResponse(
            entry=entry_message(told.answer, permission.fields | BY_NAME, explained=True),
            disclosure_id=str(told.disclosure_id),
            notice=permission.notice,
        )

    async def ListEntries(  # noqa: N802 - the contract's name
        self, request: messages.ListEntriesRequest, context: Any
    ) -> messages.ListEntriesResponse:
        permission = await self._permit(context, request, request.parent, "ListEntries")
        told = await self._reader.entries(permission, request.parent, request.page_size, request.page_token)
        return messages.ListEntriesResponse(
            entries=[entry_message(entry, permission.fields) for entry in told.answer.entries],
            next_page_token=told.answer.next_page_token,
            disclosure_id=str(told.disclosure_id),
            notice=permission.notice,
        )

    async def WatchEntries(  # noqa: N802 - the contract's name
        self, request: messages.WatchEntriesRequest, context: Any
    ) -> AsyncIterator[messages.WatchEntriesResponse]:
        permit = partial(self._permit, context, request, request.parent, "WatchEntries")
        # Closed with the call, and not when it is collected: until then it counts as open.
        async with aclosing(self._watcher.watch(permit, request.parent, request.after_position)) as chunks:
            async for chunk in chunks:
                yield watch_answer(chunk)

    async def ListDisclosures(  # noqa: N802 - the contract's name
        self, request: messages.ListDisclosuresRequest, context: Any
    ) -> messages.ListDisclosuresResponse:
        permission = await self._authorise(context, request.parent, "ListDisclosures", request.purpose)
        told = await self._disclosures.of_learner(
            permission, request.parent, request.page_size, request.page_token
        )
        page = told.answer
        return messages.ListDisclosuresResponse(
            disclosures=[disclosure_message(page.tenant, each) for each in page.disclosures],
            next_page_token=page.next_page_token,
            disclosure_id=str(told.disclosure_id),
        )

    async def _permit(self, context: Context, request: _Masked, name: str, method: str) -> Permission:
        """Return the permission to answer with what a call asks for; raise before more of it is looked at."""
        permission = await self._authorise(context, name, method, request.purpose)
        paths = request.read_mask.paths
        if not paths:
            return permission
        mask = asked_mask(VIEWS[method], paths)
        return replace(permission, fields=both(permission.fields, mask))

    async def _authorise(self, context: Context, name: str, method: str, purpose: str) -> Permission:
        return await self._desk.authorise(caller_of(context), name, method, purpose)


def _as_of(request: messages.GetLearnerRecordRequest) -> AsOf:
    effective = recorded = None
    if request.HasField("effective_as_of"):
        effective = read_date("effective_as_of", request.effective_as_of)
    if request.HasField("recorded_as_of"):
        recorded = read_instant("recorded_as_of", request.recorded_as_of)
    return AsOf(effective, recorded)
