# SPDX-License-Identifier: Apache-2.0
"""How every command speaks: results on standard output, everything else on standard error."""

import json
from collections.abc import Iterable, Sequence

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.type import date_pb2
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cairn.client.channel import from_date
from cairn.client.errors import CallError


def out() -> Console:
    """Return the console of results, as standard output is now."""
    return Console(highlight=False)


def err() -> Console:
    """Return the console of everything else: progress and errors."""
    return Console(stderr=True, highlight=False)


def print_json(value: object) -> None:
    """Print one JSON document."""
    print(json.dumps(value, ensure_ascii=False, indent=2))  # noqa: T201 - what the command is for


def as_json(message: Message) -> dict[str, object]:
    """Return the JSON form of an answer (ProtoJSON), its fields named as in the contract, zeros included."""
    document: dict[str, object] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return document


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table; its cells are plain text."""
    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*map(escape, row))
    return made


def day(value: date_pb2.Date) -> str:
    """Show a day; nothing where there is none."""
    return from_date(value).isoformat() if value.year else ""


def word(enum_name: str, prefix: str) -> str:
    """Show the value of an enum in plain words."""
    return enum_name.removeprefix(prefix).lower().replace("_", " ")


def report(error: CallError, whose: str = "") -> None:
    """Say on standard error what failed, ``whose`` failure it is, and each place that was refused."""
    console = err()
    reason = f" ({error.reason})" if error.reason else ""
    who = f"{whose}: " if whose else ""
    console.print(f"[red]error:[/] {escape(who + error.message)}{reason}", soft_wrap=True)
    for violation in error.violations:
        console.print(f"  [bold]{escape(violation.field)}[/]: {escape(violation.description)}")
