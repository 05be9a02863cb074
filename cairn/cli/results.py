# SPDX-License-Identifier: Apache-2.0
"""``cairn results``: publish native events from a file, one CloudEvent in its JSON form a line."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, assert_never

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cairn.cli.brokers import brokers
from cairn.cli.options import BROKERS, HTTP, BootstrapServers, HttpAddress, Json
from cairn.cli.output import err, out, print_json, table
from cairn.cli.tls import read_variable
from cairn.cli.topics import source_name
from cairn.client.results import Receipt, ResultsPublisher
from cairn.client.results_http import open_http_results
from cairn.client.results_kafka import open_kafka_results
from cairn.cloudevents.event import CloudEvent, MalformedEvent
from cairn.cloudevents.structured import read_structured

_MOST_EVENTS = 2000
_MOST_SHOWN = 20
_CREDENTIAL, _AUTHORITIES = "CAIRN_SOURCE_CREDENTIAL_FILE", "CAIRN_HTTP_AUTHORITIES_FILE"

app = typer.Typer(help="Assessment results, as a platform reports them.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep the group a group while it has one command."""


class Via(StrEnum):
    """The two doors of intake."""

    HTTP = "http"
    KAFKA = "kafka"


File = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="NDJSON: one CloudEvent a line.")
]
Source = Annotated[
    str, typer.Option(parser=source_name, help="The platform's name, as it is configured at the institution.")
]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One line that intake did not take; the line itself is never shown."""

    line: int
    outcome: str
    field: str
    reason: str


@dataclass(slots=True)
class Tally:
    """What became of the lines so far."""

    counts: Counter[str] = field(default_factory=Counter)
    troubles: list[Trouble] = field(default_factory=list)

    def add(self, line: int, receipt: Receipt) -> None:
        self.counts[receipt.outcome] += 1
        if receipt.outcome in {"conflict", "refused"}:
            self.troubles.append(Trouble(line, receipt.outcome, receipt.field, receipt.reason))


@app.command()
def publish(
    file: File,
    source: Source,
    via: Annotated[Via, typer.Option(help="Which door of intake.")] = Via.HTTP,
    http_address: HttpAddress = HTTP,
    bootstrap_servers: BootstrapServers = BROKERS,
    json: Json = False,
) -> None:
    """Publish every line of a file; publishing it again does nothing twice.

    CAIRN_SOURCE_CREDENTIAL_FILE names a file with the source's credential for the HTTP door, and
    CAIRN_HTTP_AUTHORITIES_FILE the authorities of the door's certificate where the system does not know them.
    The exit code is 1 when a line was refused or in conflict; all the others went through.
    """
    match via:
        case Via.HTTP:
            opened: AbstractAsyncContextManager[ResultsPublisher] = _http(http_address, source)
        case Via.KAFKA:
            opened = open_kafka_results(brokers(bootstrap_servers), source)
        case _:
            assert_never(via)
    tally = asyncio.run(_publish(file, file.stat().st_size, opened))
    _show(tally, json)
    if tally.troubles:
        raise typer.Exit(1)


@asynccontextmanager
async def _http(address: str, source: str) -> AsyncIterator[ResultsPublisher]:
    credential = (read_variable(_CREDENTIAL) or b"").decode("ascii", "replace").strip()
    if not credential.isprintable() or not credential.isascii() or " " in credential:
        raise typer.BadParameter(f"{_CREDENTIAL} must name a file that holds one credential and nothing else")
    async with AsyncExitStack() as stack:
        try:
            opened = open_http_results(
                address, source, credential=credential, authorities=read_variable(_AUTHORITIES)
            )
            publisher = await stack.enter_async_context(opened)
        except (ValueError, ssl.SSLError) as error:
            raise typer.BadParameter(str(error)) from None
        yield publisher


async def _publish(file: Path, size: int, opened: AbstractAsyncContextManager[ResultsPublisher]) -> Tally:
    tally = Tally()
    columns = (
        TextColumn("{task.fields[events]:,} events"),
        BarColumn(),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err()) as progress:
        task = progress.add_task("", total=size, events=0, rate=0.0)
        async with opened as publisher:
            for chunk, read in _chunks(file):
                await _publish_chunk(publisher, chunk, tally)
                done = tally.counts.total()
                rate = done / (progress.tasks[task].elapsed or 1)
                progress.update(task, advance=read, events=done, rate=rate)
    return tally


async def _publish_chunk(
    publisher: ResultsPublisher, chunk: list[tuple[int, CloudEvent | MalformedEvent]], tally: Tally
) -> None:
    events: list[tuple[int, CloudEvent]] = []
    for line, event in chunk:
        if isinstance(event, MalformedEvent):
            tally.add(line, Receipt(id="", outcome="refused", field=event.field, reason=event.reason))
        else:
            events.append((line, event))
    receipts = await publisher.publish([event for _line, event in events])
    for (line, _event), receipt in zip(events, receipts, strict=True):
        tally.add(line, receipt)


def _chunks(file: Path) -> Iterator[tuple[list[tuple[int, CloudEvent | MalformedEvent]], int]]:
    """Yield events with their line numbers, and how many bytes of the file they were."""
    chunk: list[tuple[int, CloudEvent | MalformedEvent]] = []
    size = 0
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            size += len(line)
            if line.strip():
                chunk.append((number, _read(line)))
            if len(chunk) == _MOST_EVENTS:
                yield chunk, size
                chunk, size = [], 0
    yield chunk, size


def _read(line: bytes) -> CloudEvent | MalformedEvent:
    try:
        return read_structured(line)
    except MalformedEvent as error:
        return error


def _show(tally: Tally, json: bool) -> None:
    if json:
        troubles = [
            {"line": each.line, "outcome": each.outcome, "field": each.field, "reason": each.reason}
            for each in tally.troubles
        ]
        print_json({"counts": dict(tally.counts), "troubles": troubles})
        return
    counts = [(outcome, f"{count:,}") for outcome, count in sorted(tally.counts.items())]
    out().print(table("", ("Outcome", "Events"), counts))
    shown = [(str(each.line), each.outcome, each.field, each.reason) for each in tally.troubles[:_MOST_SHOWN]]
    if shown:
        err().print(table("", ("Line", "Outcome", "Field", "Reason"), shown))
    if len(tally.troubles) > len(shown):
        err().print(f"and {len(tally.troubles) - len(shown):,} more; --json lists all")
