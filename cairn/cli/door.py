# SPDX-License-Identifier: Apache-2.0
"""``cairn door``: how what came through the HTTP door ended."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import methodcaller
from typing import Annotated

import typer

from cairn.cli.options import Json, Tenant
from cairn.cli.output import as_json, day, table
from cairn.cli.services import Service, of_each
from cairn.operations.v1.door_count_pb2 import DoorCount

_DAYS = timedelta(days=6)
_COUNTS = ("stored", "duplicate", "conflict", "refused")

Since = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="The first day, in UTC; the last seven where it is not given."),
]


def door(tenant: Tenant, since: Since = None, json: Json = False) -> None:
    """Count how what came by HTTP ended, by source and day, and why it was refused."""
    first = (since or datetime.now(UTC) - _DAYS).date()
    found = asyncio.run(of_each([Service.ASSESSMENT], methodcaller("door_counts", tenant, first)))
    answers: dict[Service, Sequence[DoorCount]] = found.of
    counts = [count for of in answers.values() for count in of]
    cells = [
        (
            count.source,
            day(count.day),
            *(f"{getattr(count, name):,}" for name in _COUNTS),
            "\n".join(f"{each.refused:,} {each.reason}" for each in count.refusals),
        )
        for count in counts
    ]
    columns = ("Source", "Day", *(name.capitalize() for name in _COUNTS), "Refused, because it")
    found.show(json, [as_json(count) for count in counts], table("", columns, cells))
