# SPDX-License-Identifier: Apache-2.0
"""The main job on this machine: bring everything up, feed a cohort, show a record and its reasons.

    python -m deploy.local.run [--oulad DIR] [--learners N] [--once]

It stays up until Ctrl-C unless told to end by itself. What it stored stays for the next run.
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cairn.client.errors import CallError
from deploy.local.bring_up import installed
from deploy.local.cohort import generated, oulad
from deploy.local.cohort.submission import TENANT, Submission, recorded
from deploy.local.feed import Fed, feed
from deploy.local.layout import DOORS, Layout
from deploy.local.lock import TakenError, exclusive
from deploy.local.logtail import ServerFailedError
from deploy.local.processes import watched
from deploy.local.progress import Steps
from deploy.local.publish import publish
from deploy.local.show import show
from deploy.local.stack import BUILD, Endpoints, Stack

FOLDER = BUILD / "run"
OVER_TLS = BUILD / "run-tls"
LEARNERS = 500
INTERRUPTED = 128 + signal.SIGINT


@dataclass(frozen=True, slots=True)
class Cohort:
    """Whose results are fed: a number of made learners, or those of a dataset's folder."""

    learners: int
    oulad: Path | None

    def submissions(self) -> list[Submission]:
        """Read or make all submissions, in the order in which the work was handed in."""
        folder = self.oulad
        return list(generated.submissions(self.learners) if folder is None else oulad.submissions(folder))


def main(
    *,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--oulad", envvar="OULAD", exists=True, file_okay=False, help="A folder with the OULAD files."
        ),
    ] = None,
    learners: Annotated[
        int, typer.Option("--learners", envvar="N", min=1, help="How many learners to make up otherwise.")
    ] = LEARNERS,
    once: Annotated[
        bool, typer.Option("--once", envvar="ONCE", help="End when the record is shown.")
    ] = False,
    tls: Annotated[
        bool, typer.Option("--tls", envvar="TLS", help="Over TLS everywhere, on Debian's PostgreSQL.")
    ] = False,
) -> None:
    """Run all of Cairn on this machine and take a cohort's results to the record."""
    console = Console(highlight=False)
    raise typer.Exit(_run(Cohort(learners, folder), Steps(console), once=once, tls=tls))


def _run(cohort: Cohort, steps: Steps, *, once: bool, tls: bool) -> int:
    folder = OVER_TLS if tls else FOLDER
    # What is given is reached as it is given; over TLS is what is started here.
    environment: Mapping[str, str] = {} if tls else os.environ
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with (
            exclusive(folder / "run.lock", timeout=0),
            Stack(folder, steps=steps, environment=environment, tls=tls) as endpoints,
        ):
            asyncio.run(_main_job(endpoints, folder, cohort, steps, once=once))
    except KeyboardInterrupt:
        # Up until Ctrl-C is what was asked for; an end by itself has then not been reached.
        return INTERRUPTED if once else 0
    except TakenError:
        steps.console.print("[red]error:[/red] another make run is under way here")
        return 1
    except (ServerFailedError, CallError, OSError) as error:
        steps.console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        return 1
    return 0


async def _main_job(endpoints: Endpoints, folder: Path, cohort: Cohort, steps: Steps, *, once: bool) -> None:
    async with (
        installed(endpoints, folder, steps, wished=DOORS) as installation,
        watched(installation.processes),
    ):
        with steps.step("Publish policies and rules"):
            policies, rules = await publish(installation.layout)
        with steps.step("Read the results"):
            submissions = await asyncio.to_thread(cohort.submissions)
        console = steps.console
        console.print(f"{policies} policies, {rules} rules, {len(submissions):,} results to feed")
        events = (recorded(submission) for submission in submissions)
        _tell(await feed(installation.layout, events, len(submissions), console), console)
        await show(installation.layout, console)
        if not once:
            _say_how_to_go_on(installation.layout, folder, console)
            await asyncio.Event().wait()


def _tell(fed: Fed, console: Console) -> None:
    before, after = fed.before, fed.after
    first = f", the first after {fed.first_entry_seconds:.1f} s" if fed.first_entry_seconds else ""
    console.print(
        f"[green]✓[/green] {fed.sent:,} results in {fed.seconds:.1f} s ({fed.sent / fed.seconds:,.0f}/s): "
        f"{after.duplicates - before.duplicates:,} duplicates, {after.aside - before.aside:,} put aside, "
        f"{after.events - before.events:,} events, {after.decisions - before.decisions:,} decisions, "
        f"{after.entries - before.entries:,} entries{first}",
        soft_wrap=True,
    )


def _say_how_to_go_on(layout: Layout, folder: Path, console: Console) -> None:
    settings = {
        "CAIRN_TENANT": TENANT,
        "CAIRN_ASSESSMENT_ADDRESS": layout.address("assessment-grpc"),
        "CAIRN_RECOGNITION_ADDRESS": layout.address("recognition-grpc"),
        "CAIRN_RECORDS_ADDRESS": layout.address("records-grpc"),
        "CAIRN_HTTP_ADDRESS": layout.address("assessment-http"),
        "KAFKA_BOOTSTRAP_SERVERS": layout.bootstrap,
        **({} if layout.over_tls is None else layout.over_tls.of_a_command()),
    }
    door = f"http{'' if layout.over_tls is None else 's'}://{layout.address('assessment-http')}"
    explained = " and explains itself at /docs" if layout.over_tls is None else ", and asks for a credential"
    lines = (
        "",
        "Cairn is up until Ctrl-C. What to try in another terminal:",
        "",
        *(f"  export {name}={value}" for name, value in settings.items()),
        "  .venv/bin/cairn record show LEARNER    a learner's awards and entries",
        "  .venv/bin/cairn record why ENTRY       the reasons of an entry",
        "  .venv/bin/cairn policies list          what is published",
        "",
        f"The HTTP door is at {door}{explained}",
        f"Logs are in {folder / 'logs'}",
    )
    console.print("\n".join(lines), soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
