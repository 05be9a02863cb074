# SPDX-License-Identifier: Apache-2.0
"""Proves that nothing is lost, doubled or done twice, whatever ends when: ``python -m tests.prove``.

Every case brings up an installation that has seen nothing yet, on a broker and a database that belong
to the proof alone. The report comes to build/prove.json; one case that is not proven fails it.
"""

import asyncio
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console

from deploy.local.lock import exclusive
from deploy.local.progress import Steps
from deploy.local.stack import BUILD, Endpoints, Stack
from tests.bench.hardware import hardware
from tests.prove import crash_points, nemesis, rivals
from tests.prove.crash_points import RUNNERS, Trial
from tests.prove.nemesis import Suffering
from tests.prove.report import Row, table, write
from tests.prove.rivals import Rivalry
from tests.prove.story import story

FOLDER = BUILD / "prove"
RESULT = BUILD / "prove.json"
EVENTS_OF_A_CASE = 5000
EVENTS_OF_A_SHORT_CASE = 3000
EVENTS_OF_NEMESIS = 200_000
NEMESIS = "nemesis"
RIVALS = "two owners"
# Each fault comes twice, and a zombie sleeps for a minute.
ROUNDS = 2
FROZEN_SECONDS = 60.0
# A planted defect shows with less of everything.
EVENTS_OF_PLANTED = 20_000
EVENTS_OF_A_SHORT_NEMESIS = 6000
NAP_SECONDS = 10.0
# A file or a pipe has no width, and a name that is cut off says nothing.
WIDTH = 160


def main(
    *,
    short: Annotated[
        bool,
        typer.Option("--short", envvar="SHORT", help="All points of a runner together, a short nemesis."),
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
    steps = Steps(Console(highlight=False))
    steps.console.print(hardware())
    rows: list[Row] = []
    sufferings = list(_short_sufferings(only) if short else _sufferings(only, events))
    for fault, reason in nemesis.impossible().items() if sufferings else ():
        raise typer.BadParameter(f"this machine does not allow {fault}: {reason}")
    # A second proof would drop the databases under the first.
    with exclusive(FOLDER / "proving", 1.0), Stack(FOLDER, steps=steps, environment={}) as endpoints:
        if trials := list(_trials(only, short=short)):
            asyncio.run(_crash_points(endpoints, steps, trials, seed, rows, short=short))
        if found := list(_rivalries(only)):
            asyncio.run(_rivals(endpoints, steps, found, seed, rows))
        for suffering in sufferings:
            asyncio.run(_nemesis(endpoints, steps, suffering, seed, rows))
    write(rows, RESULT)
    console = Console(width=max(steps.console.width, WIDTH))
    console.print(table(rows))
    for row in rows:
        if not row.proven:
            console.print(f"{row.case}, {row.runner}:", *row.found, sep="\n  ", markup=False)
    if not rows or not all(row.proven for row in rows):
        raise typer.Exit(1)


def _trials(only: str, *, short: bool) -> Iterator[Trial]:
    for trial in crash_points.joint_trials() if short else crash_points.single_trials():
        if any(only in f"{point} ({process}) {trial.case.runner}" for point, process in trial.points):
            yield trial
    for trial in crash_points.planted_trials():
        if only in f"planted {trial.planted}":
            yield trial


async def _crash_points(
    endpoints: Endpoints, steps: Steps, trials: list[Trial], seed: int, rows: list[Row], *, short: bool
) -> None:
    told = story(EVENTS_OF_A_SHORT_CASE if short else EVENTS_OF_A_CASE, seed)
    with steps.step("Run the story in peace"):
        clean = await crash_points.clean_state(endpoints, FOLDER, told)
    for trial in trials:
        name = trial.planted or (trial.points[0][0] if len(trial.points) == 1 else "every crash point")
        with steps.step(f"{name}, {trial.case.runner}"):
            rows += await crash_points.try_out(endpoints, FOLDER, told, clean, trial)
            write(rows, RESULT)


def _rivalries(only: str) -> Iterator[Rivalry]:
    for rivalry in rivals.rivalries():
        if only in f"{RIVALS} {'planted ' if rivalry.planted else ''}{rivalry.planted or rivalry.runner}":
            yield rivalry


async def _rivals(
    endpoints: Endpoints, steps: Steps, rivalries: list[Rivalry], seed: int, rows: list[Row]
) -> None:
    told = story(EVENTS_OF_A_CASE, seed)
    with steps.step(f"{RIVALS}: the story in peace"):
        clean = await crash_points.clean_state(endpoints, FOLDER, told)
    for rivalry in rivalries:
        with steps.step(f"{RIVALS}, {rivalry.planted or rivalry.runner}"):
            rows += await rivals.contend(endpoints, FOLDER, told, clean, rivalry)
            write(rows, RESULT)


def _short_sufferings(only: str) -> Iterator[Suffering]:
    runner = RUNNERS[0]
    if only in f"{NEMESIS} {runner}":
        few = EVENTS_OF_A_SHORT_NEMESIS
        yield Suffering(runner=runner, events=few, rounds=1, frozen_seconds=NAP_SECONDS)


def _sufferings(only: str, events: int) -> Iterator[Suffering]:
    for runner in RUNNERS:
        if only in f"{NEMESIS} {runner}":
            yield Suffering(runner=runner, events=events, rounds=ROUNDS, frozen_seconds=FROZEN_SECONDS)
    few = min(events, EVENTS_OF_PLANTED)
    for defect in nemesis.PLANTED:
        if only in f"{NEMESIS} planted {defect}":
            yield Suffering(
                runner=RUNNERS[0], events=few, rounds=1, frozen_seconds=NAP_SECONDS, planted=defect
            )


async def _nemesis(endpoints: Endpoints, steps: Steps, trial: Suffering, seed: int, rows: list[Row]) -> None:
    told = story(trial.events, seed)
    name = f"{NEMESIS}, {trial.planted or trial.runner}"
    with steps.step(f"{name}: the story in peace"):
        clean = await crash_points.clean_state(endpoints, FOLDER, told)
    with steps.step(f"{name}: under all faults"):
        rows += await nemesis.suffer(endpoints, FOLDER, BUILD / "jars", told, clean, trial, seed)
    write(rows, RESULT)


if __name__ == "__main__":
    typer.run(main)
