# SPDX-License-Identifier: Apache-2.0
"""``cairn scans``: what a publication has yet to reach, and how one is paused."""

import asyncio
from collections.abc import Sequence
from operator import methodcaller
from typing import Annotated

import typer

from cairn.cli.options import Json, Tenant
from cairn.cli.output import as_json, out, table
from cairn.cli.services import Operator, Service, Services, act_at, of_each
from cairn.operations.v1.scan_pb2 import Scan

app = typer.Typer(help="The scans for whom a publication can affect.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="institutions/…/scans/…, as `cairn scans list` tells it.")]
Owner = Annotated[Service, typer.Option("--service", help="The service, as `cairn scans list` tells it.")]


@app.command("list")
def list_(tenant: Tenant, service: Services = [], json: Json = False) -> None:  # noqa: B006 - typer's way
    """List the scans that are not finished, and whether one is paused."""
    found = asyncio.run(of_each(service, methodcaller("scans", tenant)))
    scans: dict[Service, Sequence[Scan]] = found.of
    rows = [(owner, scan) for owner, of in scans.items() for scan in of]
    cells = [
        (
            owner,
            scan.name,
            f"{scan.looked_at:,}",
            f"{scan.told:,}",
            scan.advance_time.ToJsonString(),
            "paused" if scan.paused else "",
        )
        for owner, scan in rows
    ]
    document = [{"service": owner, **as_json(scan)} for owner, scan in rows]
    found.show(json, document, table("", ("Service", "Scan", "Looked at", "Told", "Went on", ""), cells))


@app.command()
def pause(name: Name, service: Owner, operator: Operator = "") -> None:
    """Let a scan rest until it is resumed; whom it has told of already are evaluated."""
    if not asyncio.run(act_at(service, operator, methodcaller("pause_scan", name))):
        out().print("it was not going on")
        raise typer.Exit(1)
    out().print("paused")


@app.command()
def resume(name: Name, service: Owner, operator: Operator = "") -> None:
    """Let a paused scan go on."""
    if not asyncio.run(act_at(service, operator, methodcaller("resume_scan", name))):
        out().print("it was not paused")
        raise typer.Exit(1)
    out().print("resumed")
