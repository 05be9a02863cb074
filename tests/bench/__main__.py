# SPDX-License-Identifier: Apache-2.0
"""Measures how fast, how soon and with how much memory results become entries, and how fast they are told.

    python -m tests.bench [--oulad DIR] [--learners N] [--runs N] [--only PART] [--rate R] [--stored N]

All runs on a broker and a database that belong to the bench alone. A failed check ends the bench.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deploy.local.progress import Steps
from deploy.local.stack import BUILD, Stack
from tests.bench.asked import FOLDER, Asked
from tests.bench.figures import table, write
from tests.bench.hardware import hardware
from tests.bench.parts import Part, carry_out

RESULT = BUILD / "bench.json"
LEARNERS = 10_000
RUNS = 3
STORED = 5_000_000
# A file or a pipe has no width, and a name that is cut off says nothing.
WIDTH = 140


def main(
    *,
    dataset: Annotated[
        Path | None,
        typer.Option(
            "--oulad", envvar="OULAD", exists=True, file_okay=False, help="A folder with the OULAD files."
        ),
    ] = None,
    learners: Annotated[
        int, typer.Option("--learners", envvar="N", min=1, help="How many learners to make up otherwise.")
    ] = LEARNERS,
    runs: Annotated[int, typer.Option("--runs", envvar="RUNS", min=1, help="How many runs.")] = RUNS,
    only: Annotated[
        Part | None, typer.Option("--only", envvar="ONLY", help="Measure nothing but this part.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", envvar="RATE", min=1, help="Results a second for recovery.")
    ] = None,
    stored: Annotated[
        int, typer.Option("--stored", envvar="STORED", min=1000, help="Results stored for cost.")
    ] = STORED,
) -> None:
    """Measure against the targets and write build/bench.json."""
    steps = Steps(Console(highlight=False))
    steps.console.print(hardware())
    # Never those of the environment: every run drops the databases and topics of the one before.
    with Stack(FOLDER, steps=steps, environment={}) as endpoints:
        asked = Asked(
            endpoints=endpoints,
            steps=steps,
            dataset=dataset,
            learners=learners,
            runs=runs,
            rate=rate,
            stored=stored,
        )
        for told in carry_out(asked, only):
            # A part that fails takes nothing of those before it along.
            write(told, RESULT)
    Console(width=max(steps.console.width, WIDTH)).print(table(told))


if __name__ == "__main__":
    typer.run(main)
