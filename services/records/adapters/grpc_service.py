# SPDX-License-Identifier: Apache-2.0
"""``cairn.records.v1.RecordService``: reads a request, asks the use case, writes the answer."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import grpc

from cairn.records.v1 import record_service_pb2 as messages
from cairn.records.v1 import record_service_pb2_grpc as stubs
from chassis.rpc.peer import caller_of
from services.records.adapters.grpc_disclosures import disclosure_message
from services.records.adapters.grpc_messages import (
    current_answer,
    entry_message,
    learner_record_message,
    read_date,
    read_instant,
)
from services.records.app.authority import Permission
from services.records.app.current_record import CurrentReader
from services.records.app.disclosures_told import DisclosuresTold
from services.records.app.reading import Desk, Reader
from services.records.app.watching import Watcher
from services.records.domain.record import AsOf

Context = grpc.aio.ServicerContext[Any, Any]
NAME = messages.DESCRIPTOR.services_by_name["RecordService"].full_name
_NOW = AsOf(None, None)


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
        permission = self._authorise(context, request.name, "GetLearnerRecord")
        as_of = _as_of(request)
        if as_of == _NOW:
            return current_answer(await self._current.learner_record(permission, request.name))
        told = await self._reader.learner_record(permission, request.name, as_of)
        record = learner_record_message(told.answer)
        return messages.GetLearnerRecordResponse(record=record, disclosure_id=str(told.disclosure_id))

    async def GetEntry(  # noqa: N802 - the contract's name
        self, request: messages.GetEntryRequest, context: Any
    ) -> messages.GetEntryResponse:
        permission = self._authorise(context, request.name, "GetEntry")
        told = await self._reader.entry(permission, request.name)
        entry = entry_message(told.answer, explained=True)
        return messages.GetEntryResponse(entry=entry, disclosure_id=str(told.disclosure_id))

    async def ListEntries(  # noqa: N802 - the contract's name
        self, request: messages.ListEntriesRequest, context: Any
    ) -> messages.ListEntriesResponse:
        permission = self._authorise(context, request.parent, "ListEntries")
        told = await self._reader.entries(permission, request.parent, request.page_size, request.page_token)
        return messages.ListEntriesResponse(
            entries=[entry_message(entry) for entry in told.answer.entries],
            next_page_token=told.answer.next_page_token,
            disclosure_id=str(told.disclosure_id),
        )

    async def WatchEntries(  # noqa: N802 - the contract's name
        self, request: messages.WatchEntriesRequest, context: Any
    ) -> AsyncIterator[messages.WatchEntriesResponse]:
        authorise = partial(self._authorise, context, request.parent, "WatchEntries")
        async for chunk in self._watcher.watch(authorise, request.parent, request.after_position):
            yield messages.WatchEntriesResponse(
                entries=[entry_message(entry) for entry in chunk.entries],
                position=chunk.position or None,
                disclosure_id=str(chunk.disclosure_id),
            )

    async def ListDisclosures(  # noqa: N802 - the contract's name
        self, request: messages.ListDisclosuresRequest, context: Any
    ) -> messages.ListDisclosuresResponse:
        permission = self._authorise(context, request.parent, "ListDisclosures")
        told = await self._disclosures.of_learner(
            permission, request.parent, request.page_size, request.page_token
        )
        page = told.answer
        return messages.ListDisclosuresResponse(
            disclosures=[disclosure_message(page.tenant, each) for each in page.disclosures],
            next_page_token=page.next_page_token,
            disclosure_id=str(told.disclosure_id),
        )

    def _authorise(self, context: Context, name: str, method: str) -> Permission:
        return self._desk.authorise(caller_of(context), name, method)


def _as_of(request: messages.GetLearnerRecordRequest) -> AsOf:
    effective = recorded = None
    if request.HasField("effective_as_of"):
        effective = read_date("effective_as_of", request.effective_as_of)
    if request.HasField("recorded_as_of"):
        recorded = read_instant("recorded_as_of", request.recorded_as_of)
    return AsOf(effective, recorded)
