# SPDX-License-Identifier: Apache-2.0
"""Proves that nothing is lost, doubled or done twice, whatever ends when: ``python -m tests.prove``.

Every case brings up an installation that has seen nothing yet, on a broker and a database that belong
to the proof alone. The report comes to build/prove.json, and what it is about to build/prove.about.json;
one case that is not proven fails it. Where the machine allows no nemesis, that alone is left out, and said.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterator, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from deploy.local.lock import exclusive
from deploy.local.progress import Steps
from deploy.local.stack import Stack
from tests.bench.hardware import hardware
from tests.prove import nemesis
from tests.prove.about import about, write_about
from tests.prove.cases import any_besides_nemesis, reasons_of, rivalries, sufferings, trials
from tests.prove.proof import FOLDER, RESULT, Proof
from tests.prove.report import Row, table, write
from tests.prove.world import Suffering

EVENTS_OF_A_CASE = 5000
EVENTS_OF_A_SHORT_CASE = 3000
EVENTS_OF_NEMESIS = 200_000
# A file or a pipe has no width, and a name that is cut off says nothing.
WIDTH = 160


def main(
    *,
    short: Annotated[
        bool,
        typer.Option("--short", envvar="SHORT", help="Take all points of a runner together, no nemesis."),
    ] = False,
    only: Annotated[
        str, typer.Option("--only", envvar="ONLY", help="Only the cases whose name has this in it.")
    ] = "",
    seed: Annotated[int, typer.Option("--seed", envvar="SEED", help="Which story is told.")] = 1,
    events: Annotated[
        int, typer.Option("--events", envvar="EVENTS", min=1000, help="How many events nemesis takes.")
    ] = EVENTS_OF_NEMESIS,
) -> None:
    """Prove it, and write build/prove.json; end with 1 if a case is not proven."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers are taken away on purpose
    steps = Steps(Console(highlight=False))
    steps.console.print(hardware())
    suffering = list(sufferings(only, events, short=short))
    left_out = nemesis.impossible() if suffering else {}
    reasons = reasons_of(left_out)
    if left_out and not any_besides_nemesis(only, short=short):
        raise typer.BadParameter(reasons)
    suffering = [] if left_out else suffering
    steps.console.print(reasons, end="", markup=False)
    # A second proof would drop the databases under the first.
    with exclusive(FOLDER / "proving", 1.0), Stack(FOLDER, steps=steps, environment={}) as endpoints:
        proof = Proof(endpoints, steps, seed)
        write(proof.rows, RESULT)
        write_about(about(seed, only, events, short=short, left_out=left_out), RESULT)
        for case in _cases(proof, only, suffering, short=short):
            asyncio.run(case)
    console = Console(width=max(steps.console.width, WIDTH))
    console.print(table(proof.rows))
    _tell(console, [row for row in proof.rows if not row.proven])
    console.print(reasons, end="", markup=False)
    if not proof.rows or not all(row.proven for row in proof.rows):
        raise typer.Exit(1)


def _cases(
    proof: Proof, only: str, suffering: Sequence[Suffering], *, short: bool
) -> Iterator[Coroutine[Any, Any, None]]:
    of_a_case = EVENTS_OF_A_SHORT_CASE if short else EVENTS_OF_A_CASE
    for trial in trials(only, short=short):
        yield proof.crash_point(trial, of_a_case)
    for rivalry in rivalries(only, short=short):
        yield proof.rivalry(rivalry, of_a_case)
    for each in suffering:
        yield proof.nemesis(each)


def _tell(console: Console, unproven: list[Row]) -> None:
    for row in unproven:
        met = f"hit {row.hit} times, {row.least} at least"
        console.print(f"{row.case}, {row.runner}: {met}", *row.found, sep="\n  ", markup=False)


if __name__ == "__main__":
    typer.run(main)
