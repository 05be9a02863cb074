# SPDX-License-Identifier: Apache-2.0
"""Publish results at the HTTP door: a batch of CloudEvents, answered for each event after commit.

Whatever was not answered is sent again: events carry their ids, so the door answers ``duplicate``
for what had already arrived. ``Retry-After`` is honoured (RFC 9110 section 10.2.3).
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import httpx2
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from cairn.client.errors import (
    CallError,
    DeniedError,
    FailedError,
    RefusedError,
    UnavailableError,
    Violation,
)
from cairn.client.results import Outcome, Receipt
from cairn.cloudevents.event import CloudEvent
from cairn.cloudevents.structured import write_structured

BATCH = "application/cloudevents-batch+json"
_MOST_EVENTS = 500
_MOST_BYTES = 1024 * 1024
_PATIENCE_SECONDS = 120.0
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0
_TIMEOUT = httpx2.Timeout(30.0, connect=5.0)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_COME_AGAIN = {429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class _Item:
    verdict: Outcome
    id: str | None = None
    field: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    items: tuple[_Item, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    reason: str
    field: str = ""


_answer = TypeAdapter(_Answer)
_told = TypeAdapter(_Told)


class HttpResultsPublisher:
    """Publishes native events of one source through the HTTP door."""

    def __init__(self, client: httpx2.AsyncClient, source: str, patience: float = _PATIENCE_SECONDS) -> None:
        """Use a client that the caller closes; one batch is repeated for at most ``patience`` seconds."""
        self._client = client
        self._path = f"/v1/sources/{quote(source, safe='')}/events"
        self._patience = patience

    async def publish(self, events: Sequence[CloudEvent]) -> list[Receipt]:
        """Return one receipt for each event, in order, once all are answered.

        Raises UnavailableError when patience ends; all of it may be published again.
        """
        return [receipt for batch in _batches(events) for receipt in await self._publish(batch)]

    async def _publish(self, batch: list[tuple[str, bytes]]) -> list[Receipt]:
        deadline = time.monotonic() + self._patience
        pause = _FIRST_PAUSE_SECONDS
        receipts: list[Receipt] = []
        while True:
            failure, wanted = await self._attempt(batch, receipts)
            if failure is None:
                return receipts
            wait = pause if wanted is None else wanted
            if time.monotonic() + wait > deadline:
                raise failure
            await asyncio.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _attempt(
        self, batch: list[tuple[str, bytes]], receipts: list[Receipt]
    ) -> tuple[CallError | None, float | None]:
        """Send what has no receipt yet; return why some still has none, and the pause that is asked for."""
        waiting = batch[len(receipts) :]
        body = b"[" + b",".join(event for _id, event in waiting) + b"]"
        try:
            response = await self._client.post(self._path, content=body, headers={"content-type": BATCH})
        except httpx2.TransportError as error:
            return UnavailableError(f"no answer ({type(error).__name__})"), None
        if response.status_code in _COME_AGAIN:
            pause = retry_after(response.headers.get("retry-after", ""))
            return UnavailableError(f"HTTP {response.status_code}"), pause
        if response.status_code == 413 and len(waiting) == 1:
            receipts.append(
                Receipt(id=waiting[0][0], outcome="refused", reason="is larger than the door takes")
            )
            return None, None
        if response.is_error:
            raise _refusal(response)
        receipts.extend(_read(response, [id_ for id_, _event in waiting]))
        missing = len(batch) - len(receipts)
        return (UnavailableError(f"{missing} events were not answered") if missing else None), None


@asynccontextmanager
async def open_http_results(
    address: str, source: str, *, credential: str = "", authorities: bytes | None = None
) -> AsyncIterator[HttpResultsPublisher]:
    """Open a connection pool of its own for a publisher; ``address`` is ``host:port`` or a URL.

    ``authorities`` are those of the door's certificate, in PEM, where the system does not know them. Raises
    ValueError where a credential would travel in the clear to another machine.
    """
    url = httpx2.URL(address if "://" in address else f"http{'s' if authorities else ''}://{address}")
    if credential and url.scheme != "https" and url.host not in _LOOPBACK:
        raise ValueError("a credential is sent over https only")
    headers = {"authorization": f"Bearer {credential}"} if credential else {}
    verify = True if authorities is None else ssl.create_default_context(cadata=authorities.decode())
    # A proxy of the environment would see what goes in the clear.
    secure = url.scheme == "https"
    async with httpx2.AsyncClient(
        base_url=url, timeout=_TIMEOUT, headers=headers, verify=verify, trust_env=secure
    ) as client:
        yield HttpResultsPublisher(client, source)


def _batches(events: Sequence[CloudEvent]) -> Iterator[list[tuple[str, bytes]]]:
    batch: list[tuple[str, bytes]] = []
    size = 0
    for event in events:
        written = write_structured(event)
        if batch and (len(batch) == _MOST_EVENTS or size + len(written) > _MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((event.id, written))
        size += len(written)
    if batch:
        yield batch


def _read(response: httpx2.Response, ids: list[str]) -> list[Receipt]:
    try:
        items = _answer.validate_json(response.content).items
    except ValidationError:
        raise FailedError("the answer is not what the door promises") from None
    if len(items) > len(ids) or any(
        item.id not in {None, id_} for item, id_ in zip(items, ids, strict=False)
    ):
        raise FailedError("the answer names other events than were sent")
    return [
        Receipt(id=id_, outcome=item.verdict, field=item.field, reason=item.reason)
        for id_, item in zip(ids, items, strict=False)
    ]


def _refusal(response: httpx2.Response) -> CallError:
    kind = DeniedError if response.status_code in {401, 403} else RefusedError
    try:
        told = _told.validate_json(response.content)
    except ValidationError:
        return kind(f"HTTP {response.status_code}")
    return kind("the door refused the request", violations=(Violation(told.field, told.reason),))


def retry_after(header: str) -> float | None:
    """Return the seconds that a Retry-After asks for, None where it asks for none."""
    if header.isdecimal():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
