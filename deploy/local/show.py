# SPDX-License-Identifier: Apache-2.0
"""Shows one learner's record and the reasons of an award, as the ``cairn`` command tells them over gRPC."""

import asyncio
import sys
from pathlib import Path

from rich.console import Console

from cairn.client.records import open_records
from cairn.records.v1.entry_pb2 import Entry, EntryKind
from deploy.local.cohort.submission import TENANT
from deploy.local.detached import with_home
from deploy.local.layout import Layout
from deploy.local.logtail import ServerFailedError
from deploy.local.stack import ROOT

# Awards that rest on other awards tell most.
TELLING = ("diploma-of-higher-education", "certificate-of-higher-education")
LOOKED_AT = 5000
# Without a terminal nobody sees where a line ends, so none is broken.
PAPER_COLUMNS = 160


async def show(layout: Layout, console: Console) -> bool:
    """Print the record and one explanation; return False when the record has no entry yet."""
    entry = await _telling_entry(layout)
    if entry is None:
        return False
    _, _, _, learner, _, entry_id = entry.name.split("/")
    await _cairn(layout, console, "record", "show", learner)
    await _cairn(layout, console, "record", "why", entry_id)
    return True


async def _telling_entry(layout: Layout) -> Entry | None:
    """Return an early conferral of the most telling credential there is."""
    found: dict[str, Entry] = {}
    looked_at = 0
    async with open_records(layout.address("records-grpc"), TENANT, tls=layout.tls) as client:
        async for entry in client.entries():
            looked_at += 1
            if entry.kind == EntryKind.ENTRY_KIND_CONFERRED:
                found.setdefault(entry.credential, entry)
            if TELLING[0] in found or looked_at == LOOKED_AT:
                break
    return next((found[each] for each in TELLING if each in found), next(iter(found.values()), None))


async def _cairn(layout: Layout, console: Console, *arguments: str) -> None:
    address = layout.address("records-grpc")
    console.print(
        f"\n[bold]$ cairn {' '.join(arguments)} --tenant {TENANT} --address {address}[/bold]", soft_wrap=True
    )
    environment = with_home(
        {"CAIRN_TENANT": TENANT, "COLUMNS": str(console.width if console.is_terminal else PAPER_COLUMNS)}
    )
    if layout.over_tls is not None:
        environment |= layout.over_tls.of_a_command()
    if console.is_terminal:
        environment["FORCE_COLOR"] = "1"
    command = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("cairn"),
        *arguments,
        "--address",
        address,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await command.communicate()
    if command.returncode != 0:
        raise ServerFailedError(f"cairn {' '.join(arguments[:2])}", said.decode(errors="replace"))
    console.out(said.decode(), end="", highlight=False)
