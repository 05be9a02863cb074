# SPDX-License-Identifier: Apache-2.0
"""What the gRPC door of records refuses: each row of docs/refusals.md, as a caller sends it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from cairn.records.v1 import partner_service_pb2, sharing_service_pb2
from cairn.records.v1.partner_service_pb2_grpc import PartnerServiceStub
from cairn.records.v1.record_service_pb2 import (
    GetEntryRequest,
    GetLearnerRecordRequest,
    ListDisclosuresRequest,
    ListEntriesRequest,
    WatchEntriesRequest,
)
from cairn.records.v1.record_service_pb2_grpc import RecordServiceStub
from cairn.records.v1.sharing_service_pb2_grpc import SharingServiceStub
from tests.certificates import Authority, Issued
from tests.integration.services.records.neighbours import PURPOSE, SOUTH, Neighbours, basis, partner

MARK = "zq4711"
"""A learner who stands in every call, and must be in no error and no log."""
WEST = "spiffe://west.example/admissions"
HOUR = timedelta(hours=1)
_SERVICE = "/cairn.records.v1.RecordService"


@dataclass(frozen=True, slots=True)
class Asked:
    """Who may send what is refused: the operator, ``south``, and ``west``, whom no basis is for."""

    at: Neighbours
    western: Authority
    south: grpc.aio.Channel
    operator: grpc.aio.Channel

    async def record(self, channel: grpc.aio.Channel, **more: Any) -> object:
        """Ask for the learner's record."""
        request = GetLearnerRecordRequest(**{"name": self.at.learner(MARK), "purpose": PURPOSE} | more)
        return await RecordServiceStub(channel).GetLearnerRecord(request)

    async def listed(self, **more: Any) -> Any:
        """Ask, as the partner, for the learner's entries."""
        request = ListEntriesRequest(**{"parent": self.at.learner(MARK), "purpose": PURPOSE} | more)
        return await RecordServiceStub(self.south).ListEntries(request)

    async def watched(self, channel: grpc.aio.Channel, **more: Any) -> Any:
        """Begin to watch the learner's entries; return the watch once it has answered."""
        request = WatchEntriesRequest(**{"parent": self.at.learner(MARK), "purpose": PURPOSE} | more)
        watch = RecordServiceStub(channel).WatchEntries(request)
        await watch.read()
        return watch

    async def shown(self, issued: Issued, host: str = "127.0.0.1") -> object:
        """Ask over a connection of its own, that shows a certificate."""
        async with self.at.channel(issued, host) as channel:
            return await self.record(channel)

    async def published(self, channel: grpc.aio.Channel, document: str) -> object:
        """Publish a partner."""
        documents = [partner_service_pb2.PartnerDocument(name="x", document=document)]
        request = partner_service_pb2.PublishPartnersRequest(
            parent=self.at.institution, documents=documents, operator="anna"
        )
        return await PartnerServiceStub(channel).PublishPartners(request)

    async def granted(self, document: str) -> object:
        """Grant a basis, as the operator."""
        documents = [sharing_service_pb2.SharingBasisDocument(name="x", document=document)]
        request = sharing_service_pb2.GrantSharingBasesRequest(
            parent=self.at.institution, documents=documents, operator="anna"
        )
        return await SharingServiceStub(self.operator).GrantSharingBases(request)


def _itself() -> Issued:
    alone = Authority(SOUTH)
    key = alone._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Issued(alone.pem, key)


def _ahead() -> Timestamp:
    ahead = Timestamp()
    ahead.FromDatetime(datetime.now(UTC) + HOUR)
    return ahead


async def _of_another_list(asked: Asked) -> object:
    page = await asked.listed(page_size=1)
    assert page.next_page_token
    return await asked.listed(parent=asked.at.learner("l1"), page_token=page.next_page_token)


async def _altered(asked: Asked) -> object:
    token = (await asked.listed(page_size=1)).next_page_token
    altered = ("B" if token[10] != "B" else "C").join((token[:10], token[11:]))
    return await asked.listed(page_token=altered)


async def _one_too_many(asked: Asked) -> object:
    watch = await asked.watched(asked.operator)
    try:
        return await asked.watched(asked.operator)
    finally:
        watch.cancel()


async def _bytes(asked: Asked, method: str) -> object:
    call: Any = asked.south.unary_unary(f"{_SERVICE}/{method}")
    return await call(b"\xff" + MARK.encode())


async def _much_metadata(asked: Asked) -> object:
    stub, request = RecordServiceStub(asked.south), GetLearnerRecordRequest(name=asked.at.learner(MARK))
    return await stub.GetLearnerRecord(request, metadata=(("x-note", MARK * 6000),))


def _mine(asked: Asked, since: timedelta, until: timedelta) -> Awaitable[object]:
    return asked.shown(asked.at.southern.client(SOUTH, since=since, until=until))


def _entry(asked: Asked) -> Awaitable[object]:
    name = f"{asked.at.learner(MARK)}/entries/{uuid4()}"
    return RecordServiceStub(asked.south).GetEntry(GetEntryRequest(name=name, purpose=PURPOSE))


def _disclosures(asked: Asked) -> Awaitable[object]:
    request = ListDisclosuresRequest(parent=asked.at.learner(MARK), purpose=PURPOSE)
    return RecordServiceStub(asked.south).ListDisclosures(request)


def _vouching_for_itself(asked: Asked) -> Awaitable[object]:
    own = asked.western.client(WEST).certificate.decode()
    return asked.published(asked.operator, partner("west", WEST, own, version=2))


Case = Callable[[Asked], Awaitable[object]]
CASES: dict[str, Case] = {
    "a certificate that has expired": lambda a: _mine(a, -2 * HOUR, -HOUR),
    "a certificate that is not valid yet": lambda a: _mine(a, HOUR, 2 * HOUR),
    "a certificate that is signed by itself": lambda a: a.shown(_itself()),
    "to a server whose certificate names another host": lambda a: a.shown(
        a.at.southern.client(SOUTH), "127.0.0.2"
    ),
    "a certificate in the partner's name, of another partner's authority": lambda a: a.shown(
        a.western.client(SOUTH)
    ),
    "the certificate of a partner that the basis is not for": lambda a: a.shown(a.western.client(WEST)),
    "a purpose that nobody granted": lambda a: a.record(a.south, purpose="payment"),
    "a purpose whose basis is over": lambda a: a.record(a.south, purpose="alumni"),
    "no purpose, from another institution": lambda a: a.record(a.south, purpose=""),
    "a purpose that is no id, from who needs none": lambda a: a.record(a.operator, purpose=f"For {MARK}"),
    "the list of disclosures, asked by another institution": _disclosures,
    "a partner's document, sent by the partner": lambda a: a.published(
        a.south, partner("south", SOUTH, a.at.southern.pem.decode(), version=2, own=True)
    ),
    "a partner's document with its own certificate for its authority": _vouching_for_itself,
    "a basis that is over already": lambda a: a.granted(basis("late", last_day="2020-12-31")),
    "a basis under an id that was granted with other content": lambda a: a.granted(basis(PURPOSE)),
    "a name that names no learner": lambda a: a.record(a.operator, name=f"learners/{MARK}"),
    "an entry that is not there": _entry,
    "a page token of another list": _of_another_list,
    "a page token that was altered": _altered,
    "a page size below zero": lambda a: a.listed(page_size=-1),
    "a field that there is not, in read_mask": lambda a: a.record(
        a.south, read_mask={"paths": [f"a.{MARK}"]}
    ),
    "more than 1,000 letters in read_mask": lambda a: a.record(
        a.south, read_mask={"paths": ["awards.*.title"] * 100}
    ),
    "a recorded_as_of that lies ahead": lambda a: a.record(a.south, recorded_as_of=_ahead()),
    "an instant or a day, where the basis has no history": lambda a: a.record(
        a.south, purpose="payroll", effective_as_of=Date(year=2026, month=1, day=1)
    ),
    "a day that is not in the calendar": lambda a: a.record(
        a.south, effective_as_of=Date(year=2026, month=2, day=30)
    ),
    "an after_position below zero": lambda a: a.watched(a.south, after_position=-1),
    "an after_position behind the record's end": lambda a: a.watched(a.south, after_position=4711),
    "one watch more than a caller or the process may have open": _one_too_many,
    "a request of more than 4 MiB": lambda a: a.record(a.south, name=MARK * 800_000),
    "more than 16 KiB of metadata": _much_metadata,
    "bytes that are no request": lambda a: _bytes(a, "GetLearnerRecord"),
    "a method that there is not": lambda a: _bytes(a, "ForgetLearner"),
}
"""By the words in which the page has it, what is sent."""
