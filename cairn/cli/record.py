# SPDX-License-Identifier: Apache-2.0
"""``cairn record``: show what an institution has recorded, and why."""

import asyncio
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime
from typing import Annotated, NamedTuple

import typer
from rich.markup import escape

from cairn.cli.explanation import explanation_tree
from cairn.cli.options import RECORDS, Json, Purpose, RecordsAddress, Tenant, opaque
from cairn.cli.output import as_json, day, out, print_json, table, word
from cairn.cli.tls import tls
from cairn.client.records import RecordsClient, open_records
from cairn.records.v1.entry_pb2 import Credit, Entry, EntryKind
from cairn.records.v1.learner_record_pb2 import Award, AwardState, LearnerRecord
from cairn.records.v1.record_service_pb2 import GetEntryResponse, GetLearnerRecordResponse

app = typer.Typer(help="The record of a learner, and its reasons.", no_args_is_help=True)


class Door(NamedTuple):
    """Where to ask whose record, and what for."""

    address: str
    tenant: str
    purpose: str

    def open(self) -> AbstractAsyncContextManager[RecordsClient]:
        """Open a channel of its own."""
        return open_records(self.address, self.tenant, purpose=self.purpose, tls=tls())


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("must be a day, such as 2014-06-30") from None


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("must be an instant, such as 2014-06-30T12:00:00Z") from None
    if instant.tzinfo is None:
        raise typer.BadParameter("needs its zone, such as the Z in 2014-06-30T12:00:00Z")
    return instant


LearnerArgument = Annotated[str, typer.Argument(callback=opaque, help="The learner, by opaque id.")]
EntryArgument = Annotated[str, typer.Argument(callback=opaque, help="The entry, by its id.")]
LearnerOfEntry = Annotated[
    str, typer.Option("--learner", help="Whose entry it is; who may ask about one learner must say it.")
]
EffectiveAsOf = Annotated[
    date | None, typer.Option(parser=_day, metavar="DAY", help="What was true on this day.")
]
RecordedAsOf = Annotated[
    datetime | None, typer.Option(parser=_instant, metavar="INSTANT", help="What was known at this instant.")
]


@app.command()
def show(
    learner: LearnerArgument,
    tenant: Tenant,
    effective_as_of: EffectiveAsOf = None,
    recorded_as_of: RecordedAsOf = None,
    purpose: Purpose = "",
    address: RecordsAddress = RECORDS,
    json: Json = False,
) -> None:
    """Show a learner's awards and entries, now or as of two times."""
    at = Door(address, tenant, purpose)
    answer = asyncio.run(_record(at, learner, (effective_as_of, recorded_as_of)))
    if json:
        print_json(as_json(answer))
        return
    _show_awards(answer.record)
    _show_entries(answer.record)
    head = answer.record.chain_head
    reached = f"chain head {head.sequence} {head.hash} · " if answer.record.HasField("chain_head") else ""
    out().print(f"[dim]{reached}disclosure {escape(answer.disclosure_id)}[/]")
    _show_notice(answer.notice)
    if purpose:
        out().print("[dim]what a sharing basis does not hold is not told, and left empty here[/]")


@app.command()
def why(
    entry: EntryArgument,
    tenant: Tenant,
    learner: LearnerOfEntry = "-",
    purpose: Purpose = "",
    address: RecordsAddress = RECORDS,
    json: Json = False,
) -> None:
    """Explain an entry: its rule, and what was found at each requirement."""
    answer = asyncio.run(_entry(Door(address, tenant, purpose), learner, entry))
    if json:
        print_json(as_json(answer))
        return
    found = answer.entry
    kind = word(EntryKind.Name(found.kind), "ENTRY_KIND_")
    rule = f"rule {found.rule.rule} version {found.rule.version}, {found.rule.hash[:16]}"
    out().print(f"[bold]{escape(found.title)}[/] {kind} on {day(found.effective_on)} by {escape(rule)}")
    if found.reason:
        whose = f": {found.addressee} by {day(found.due_on)}" if found.addressee else ""
        out().print(escape(found.reason + whose))
    out().print(explanation_tree(found.explanation))
    out().print(f"[dim]disclosure {escape(answer.disclosure_id)}[/]")
    _show_notice(answer.notice)


async def _record(
    at: Door, learner: str, as_of: tuple[date | None, datetime | None]
) -> GetLearnerRecordResponse:
    effective, recorded = as_of
    async with at.open() as client:
        return await client.record(learner, effective_as_of=effective, recorded_as_of=recorded)


async def _entry(at: Door, learner: str, entry: str) -> GetEntryResponse:
    async with at.open() as client:
        return await client.entry(entry, learner=learner)


def _show_notice(notice: str) -> None:
    if notice:
        out().print(notice, style="bold", markup=False)


def _show_awards(record: LearnerRecord) -> None:
    rows = [
        (
            award.title,
            word(AwardState.Name(award.state), "AWARD_STATE_"),
            day(award.conferred_on),
            _credits(award.credits),
            _to_do(award),
        )
        for award in record.awards
    ]
    out().print(table("Awards", ("Credential", "State", "Conferred", "Credits", "To do"), rows))


def _show_entries(record: LearnerRecord) -> None:
    rows = [
        (
            str(entry.sequence),
            word(EntryKind.Name(entry.kind), "ENTRY_KIND_"),
            entry.credential,
            day(entry.effective_on),
            _recorded(entry),
            entry.name.rpartition("/")[2],
        )
        for entry in record.entries
    ]
    out().print(table("Entries", ("#", "Kind", "Credential", "Effective", "Recorded", "Entry"), rows))


def _credits(amounts: Iterable[Credit]) -> str:
    return ", ".join(_credit(each) for each in amounts)


def _credit(credit: Credit) -> str:
    level = f" level {credit.level}" if credit.HasField("level") else ""
    return f"{credit.amount} {credit.system}{level}"


def _to_do(award: Award) -> str:
    return f"{award.reason}: {award.addressee} by {day(award.due_on)}" if award.addressee else ""


def _recorded(entry: Entry) -> str:
    if not entry.HasField("record_time"):
        return "just now"
    return entry.record_time.ToDatetime(UTC).isoformat(sep=" ", timespec="seconds")
