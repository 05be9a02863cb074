# SPDX-License-Identifier: Apache-2.0
"""Ask one institution for its record. Every answer was logged there as a disclosure first."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from cairn.client.channel import ask, open_channel, to_date
from cairn.client.errors import UnavailableError, error_of
from cairn.client.tls import Tls
from cairn.records.v1.disclosure_pb2 import Disclosure
from cairn.records.v1.entry_pb2 import Entry
from cairn.records.v1.record_service_pb2 import (
    GetEntryRequest,
    GetEntryResponse,
    GetLearnerRecordRequest,
    GetLearnerRecordResponse,
    ListDisclosuresRequest,
    ListEntriesRequest,
    WatchEntriesRequest,
)
from cairn.records.v1.record_service_pb2_grpc import RecordServiceStub

_BETWEEN_WATCHES_SECONDS = 1.0


class RecordsClient:
    """Asks for the record of one institution; every method raises CallError."""

    def __init__(self, channel: grpc.aio.Channel, tenant: str, purpose: str = "") -> None:
        """Use a channel that the caller closes; another institution says what for, as ``purpose``."""
        self._stub = RecordServiceStub(channel)
        self._institution = f"institutions/{tenant}"
        self._purpose = purpose
        self.notice = ""
        """What the last answer said of what its recipient may not do with it; empty where it said nothing."""

    async def record(
        self,
        learner: str,
        *,
        effective_as_of: date | None = None,
        recorded_as_of: datetime | None = None,
        fields: Sequence[str] = (),
    ) -> GetLearnerRecordResponse:
        """Return what was true on a day, as known at an instant with its zone; both default to now.

        ``fields`` are paths (AIP-161), such as ``awards.*.title``; none is all that may be told.
        """
        request = GetLearnerRecordRequest(
            name=self._learner(learner), purpose=self._purpose, read_mask=FieldMask(paths=fields)
        )
        if effective_as_of is not None:
            request.effective_as_of.CopyFrom(to_date(effective_as_of))
        if recorded_as_of is not None:
            request.recorded_as_of.CopyFrom(_timestamp(recorded_as_of))
        return await ask(self._stub.GetLearnerRecord, request)

    async def entry(self, entry: str, *, learner: str = "-") -> GetEntryResponse:
        """Return one entry with its explanation; the id of the entry alone will do."""
        name = f"{self._learner(learner)}/entries/{entry}"
        return await ask(self._stub.GetEntry, GetEntryRequest(name=name, purpose=self._purpose))

    async def entries(self, *, learner: str | None = None, page_size: int = 1000) -> AsyncIterator[Entry]:
        """Yield the entries by position, of one learner or of all, page by page."""
        request = ListEntriesRequest(parent=self._parent(learner), page_size=page_size, purpose=self._purpose)
        while True:
            page = await ask(self._stub.ListEntries, request)
            self.notice = page.notice
            for entry in page.entries:
                yield entry
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def disclosures(self, learner: str) -> AsyncIterator[Disclosure]:
        """Yield what was told of a learner and to whom, the latest first, page by page."""
        request = ListDisclosuresRequest(parent=self._learner(learner), page_size=1000, purpose=self._purpose)
        while True:
            page = await ask(self._stub.ListDisclosures, request)
            for disclosure in page.disclosures:
                yield disclosure
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def watch(
        self, *, learner: str | None = None, after_position: int | None = None
    ) -> AsyncGenerator[Entry, None]:
        """Yield each entry once, by position, and never end; goes on by itself after a broken connection."""
        request = WatchEntriesRequest(
            parent=self._parent(learner), after_position=after_position, purpose=self._purpose
        )
        while True:
            pause = _BETWEEN_WATCHES_SECONDS
            call = self._stub.WatchEntries(request)
            try:
                async for answer in call:
                    self.notice = answer.notice
                    for entry in answer.entries:
                        if entry.HasField("position"):
                            request.after_position = entry.position
                        yield entry
                    if answer.HasField("position"):
                        request.after_position = answer.position
            except grpc.aio.AioRpcError as error:
                failure = error_of(error)
                if not isinstance(failure, UnavailableError):
                    raise failure from None
                pause = max(pause, failure.again_after)
            finally:
                call.cancel()
            await asyncio.sleep(pause)

    def _learner(self, learner: str) -> str:
        return f"{self._institution}/learners/{learner}"

    def _parent(self, learner: str | None) -> str:
        return self._institution if learner is None else self._learner(learner)


@asynccontextmanager
async def open_records(
    address: str, tenant: str, *, purpose: str = "", tls: Tls | None = None
) -> AsyncIterator[RecordsClient]:
    """Open a channel of its own for a client."""
    async with open_channel(address, tls) as channel:
        yield RecordsClient(channel, tenant, purpose)


def _timestamp(instant: datetime) -> Timestamp:
    if instant.tzinfo is None:
        raise ValueError("an instant needs its zone")
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    return stamp
