# SPDX-License-Identifier: Apache-2.0
"""The HTTP door: events in, a verdict on each after the commit.

An answer of 200 says that everything it calls stored is committed and will be published; a request
without an answer is repeated as it is, and what was stored already comes back as a duplicate.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request, Response
from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from chassis.errors import Reject
from chassis.sqlstate import OUTSIDE, REDO
from services.assessment.adapters.door import Door
from services.assessment.adapters.http_items import BATCH, JSON, STRUCTURED, media_type, read_request
from services.assessment.app.arrival import Arrival
from services.assessment.app.credentials import Credentials
from services.assessment.app.intake import Answer, Verdict
from services.assessment.app.rates import Rate
from services.assessment.app.sources import Source

LARGEST_REQUEST = 32 * 1024 * 1024
_RETRY_SECONDS = 5
# 32 MiB in this time is 4.5 Mbit/s.
_BODY_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What became of one event: ``id`` is its CloudEvents id, ``result_id`` Cairn's own."""

    verdict: Verdict
    id: str | None = None
    result_id: Annotated[str, Field(json_schema_extra={"format": "uuid"})] | None = None
    field: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What became of each event, in the order sent, and how many ended in each way."""

    items: tuple[Item, ...]
    counts: dict[Verdict, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request has no verdicts; nothing of it has been stored, unless the reason says that it may be."""

    field: str = ""
    reason: str


class _TurnedAway(Exception):
    """Whoever asks is answered, and nothing of the request is taken in."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


AskedFor = Callable[[], Credentials | None] | None
"""What tells which credentials hold now, None where nobody has read them yet; None where nobody is asked."""
SourceName = Annotated[str, Path(description="the platform's name")]
_verdicts = TypeAdapter(Verdicts)
_refusal = TypeAdapter(Refusal)


def http_application(door: Door, sources: Mapping[str, Source], credentials: AskedFor) -> FastAPI:
    """Return the application.

    Without ``credentials`` whoever reaches the door is let in, and finds its OpenAPI page under ``/docs``.
    """
    rates = {
        name: Rate(source.events_per_second) for name, source in sources.items() if source.events_per_second
    }
    # What describes the door, and loads a page from elsewhere to show it, is for whoever is on this machine.
    pages: dict[str, Any] = {} if credentials is None else {"openapi_url": None}
    summary = "Publish assessment results."
    application = FastAPI(
        title="Cairn assessment",
        version="1",
        summary=summary,
        redirect_slashes=False,
        # Its spans hold path and query, which a sender chose: see `http_observed`.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        **pages,
    )

    @application.post(
        "/v1/sources/{source}/events",
        summary="Publish one event or a batch",
        description=__doc__,
        response_model=Verdicts,
        responses={status: {"model": Refusal} for status in (400, 401, 404, 408, 413, 415, 429, 503)},
        openapi_extra=_REQUEST_BODY,
    )
    async def publish(
        source: Annotated[str, Path(description="the platform's name")], request: Request
    ) -> Response:
        try:
            known = _known(sources, credentials, source, request)
            rate = rates.get(source)
            if rate is not None and (wait := rate.wait(time.monotonic())):
                return _later(429, "sends more than its rate", wait, "source")
            _check_media_type(request)
            body = await _body(request)
            # Again: what was revoked while the body came opens nothing any more.
            _known(sources, credentials, source, request)
            arrivals = read_request(known, request.headers, body)
            if rate is not None:
                rate.charge(len(arrivals), time.monotonic())
            return await _answer(door, arrivals)
        except _TurnedAway as away:
            return away.answer
        except Reject as refusal:
            return _refused(400, refusal.reason, refusal.field)
        except (*OUTSIDE, *REDO):
            # Nobody knows whether a commit was carried out in which the connection is lost.
            return _unavailable(
                "the database is not reachable or too busy: what was sent may have been stored; send it again"
                " as it is, and what is stored comes back as a duplicate"
            )

    return application


def _known(sources: Mapping[str, Source], credentials: AskedFor, name: str, request: Request) -> Source:
    """Return who publishes; raise _TurnedAway.

    Where credentials are asked for, nobody without one learns which sources there are.
    """
    known = sources.get(name)
    if credentials is None:
        if known is None:
            raise _TurnedAway(_refused(404, "is not known", "source"))
        return known
    held = credentials()
    if held is None:
        raise _TurnedAway(_unavailable("which credentials hold has not been read yet"))
    if known is None or not _shown(held, known, request):
        raise _TurnedAway(_unauthorised())
    return known


def _shown(held: Credentials, known: Source, request: Request) -> bool:
    """Tell whether a request shows a credential of a source, in its one Authorization header."""
    sent = request.headers.getlist("authorization")
    return len(sent) == 1 and held.vouch(known, sent[0])


async def _answer(door: Door, arrivals: list[Arrival]) -> Response:
    if await door.full():
        return _unavailable("too much waits to be published")
    answers = await door.take(arrivals)
    told = tuple(_item(arrival, answer) for arrival, answer in zip(arrivals, answers, strict=True))
    counts = Counter(answer.verdict for answer in answers)
    body = _verdicts.dump_json(Verdicts(items=told, counts=dict(counts)), exclude_defaults=True)
    return Response(body, media_type=JSON)


def _item(arrival: Arrival, answer: Answer) -> Item:
    return Item(
        verdict=answer.verdict,
        id=getattr(arrival.event, "id", None),
        result_id=answer.result_id,
        field=answer.field,
        reason=answer.reason,
    )


def _check_media_type(request: Request) -> None:
    if media_type(request.headers) not in {STRUCTURED, BATCH} and "ce-specversion" not in request.headers:
        reason = f"is not {STRUCTURED} or {BATCH}, nor are there ce- headers"
        raise _TurnedAway(_refused(415, reason, "content-type"))


async def _body(request: Request) -> bytes:
    """Read the body; raise _TurnedAway where it is larger or slower than a request may be."""
    with suppress(ValueError):
        if int(request.headers.get("content-length", "0")) > LARGEST_REQUEST:
            raise _TurnedAway(_too_large())
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_REQUEST:
                    raise _TurnedAway(_too_large())
    except TimeoutError:
        late = _closing(_refused(408, f"took longer than {_BODY_SECONDS:.0f} s", "value"))
        raise _TurnedAway(late) from None
    return bytes(body)


def _too_large() -> Response:
    return _closing(_refused(413, f"is larger than {LARGEST_REQUEST} bytes", "value"))


def _closing(answer: Response) -> Response:
    """Have the connection end with an answer that does not wait for the rest of the request."""
    answer.headers["Connection"] = "close"
    return answer


def _refused(status: int, reason: str, field: str) -> Response:
    return Response(_refusal.dump_json(Refusal(field=field, reason=reason)), status, media_type=JSON)


def _unauthorised() -> Response:
    answer = _refused(401, "must be Bearer, and a credential of this source", "authorization")
    answer.headers["WWW-Authenticate"] = 'Bearer realm="cairn"'
    return _closing(answer)


def _unavailable(reason: str) -> Response:
    return _later(503, reason, _RETRY_SECONDS)


def _later(status: int, reason: str, seconds: float, field: str = "") -> Response:
    answer = _refused(status, reason, field)
    answer.headers["Retry-After"] = str(math.ceil(seconds))
    return _closing(answer)


_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "description": "identifies the result among all of this source's"},
        "source": {"type": "string", "format": "uri-reference"},
        "type": {
            "enum": ["org.cairn.ingest.result.recorded.v1", "org.cairn.ingest.result.retracted.v1"],
        },
        "data": {"type": "object"},
    },
}
_REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {"schema": _EVENT},
            BATCH: {"schema": {"type": "array", "minItems": 1, "items": _EVENT}},
        },
    }
}
