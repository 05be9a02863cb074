# SPDX-License-Identifier: Apache-2.0
"""Feeds results through the ingest topic and follows them until nothing moves any more."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cairn.client.results_kafka import KafkaResultsPublisher, open_kafka_results
from cairn.cloudevents import CloudEvent
from deploy.local.cohort.submission import SOURCE
from deploy.local.counts import Counter, Counts, counting
from deploy.local.layout import Layout

BATCH = 2000
LOOK_SECONDS = 0.5
# Without a terminal there is no bar; then a line says now and then how far it is.
SAY_SECONDS = 10.0
# Two looks in a row: one could miss what moves between two services while they are looked at in turn.
QUIET_LOOKS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """What a feeding did: the counts before and after, and how long it took."""

    sent: int
    before: Counts
    after: Counts
    seconds: float
    first_entry_seconds: float | None
    """From the first result sent to the first new entry; nothing when there was none."""


async def feed(layout: Layout, events: Iterable[CloudEvent], number: int, console: Console) -> Fed:
    """Publish so many events and wait until every effect of theirs stands in the record."""
    async with counting(layout) as counter, open_kafka_results(layout.brokers, SOURCE) as publisher:
        before = await counter.count()
        with _bar(console) as bar:
            follower = _Follower(counter, before, number, bar)
            sending = asyncio.create_task(_send(publisher, events))
            try:
                after = await follower.follow(sending)
            finally:
                sending.cancel()
        return Fed(
            sent=number,
            before=before,
            after=after,
            seconds=time.monotonic() - follower.begun,
            first_entry_seconds=follower.first_entry_seconds,
        )


async def _send(publisher: KafkaResultsPublisher, events: Iterable[CloudEvent]) -> None:
    for batch in _batches(iter(events)):
        await publisher.publish(batch)


def _batches(events: Iterator[CloudEvent]) -> Iterator[list[CloudEvent]]:
    while batch := list(islice(events, BATCH)):
        yield batch


class _Follower:
    """Looks again and again at the counts, shows them, and knows when all is quiet."""

    def __init__(self, counter: Counter, before: Counts, wanted: int, bar: Progress) -> None:
        self.begun = time.monotonic()
        self.first_entry_seconds: float | None = None
        self._counter = counter
        self._before = before
        self._wanted = wanted
        self._bar = bar
        self._said = 0.0
        self._task: TaskID = bar.add_task("", total=wanted, text="")

    async def follow(self, sending: "asyncio.Task[None]") -> Counts:
        quiet = 0
        while True:
            now = await self._counter.count()
            self._show(now)
            all_in = sending.done() and now.results - self._before.results >= self._wanted
            quiet = quiet + 1 if all_in and now.under_way == 0 else 0
            if sending.done():
                sending.result()
            if quiet == QUIET_LOOKS:
                return now
            await asyncio.sleep(LOOK_SECONDS)

    def _show(self, now: Counts) -> None:
        seconds = time.monotonic() - self.begun
        results = now.results - self._before.results
        entries = now.entries - self._before.entries
        if entries and self.first_entry_seconds is None:
            self.first_entry_seconds = seconds
        text = (
            f"{results:,} results  {now.events - self._before.events:,} events  "
            f"{now.decisions - self._before.decisions:,} decisions  {entries:,} entries  "
            f"[yellow]{now.under_way:,} under way[/yellow]  {results / seconds:,.0f}/s"
        )
        self._bar.update(self._task, completed=results, text=text)
        if self._bar.disable and seconds - self._said >= SAY_SECONDS:
            self._bar.console.print(f"{seconds:.0f} s: {text}", soft_wrap=True)
            self._said = seconds


def _bar(console: Console) -> Progress:
    columns = (BarColumn(bar_width=24), TextColumn("{task.fields[text]}"), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
