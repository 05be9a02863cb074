# SPDX-License-Identifier: Apache-2.0
"""Measures how fast, how soon and with how much memory results become entries, and how fast they are told.

    python -m tests.bench [--oulad DIR] [--learners N] [--runs N] [--only PART]

Every run brings up an installation that has seen nothing yet, on a broker and a database that
belong to the bench alone, and measures the reference just before and just after it is fed. A failed
check ends the bench.
"""

import asyncio
import gc
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer
from rich.console import Console

from deploy.local.progress import Steps
from deploy.local.stack import BUILD, Endpoints, Stack
from tests.bench import grpc_record, latency, one_result, throughput
from tests.bench.expected import Cohort, cohort
from tests.bench.figures import Figure, table, write
from tests.bench.hardware import hardware
from tests.bench.record_server import record_server
from tests.bench.reference import reference
from tests.bench.report import Run, figures
from tests.e2e.installation import whole

FOLDER = BUILD / "bench"
RESULT = BUILD / "bench.json"
LEARNERS = 10_000
RUNS = 3
RATES = (100, 300)
LATENCY_SECONDS = 20.0
# A file or a pipe has no width, and a name that is cut off says nothing.
WIDTH = 140


class Part(StrEnum):
    """What can be measured by itself."""

    PIPELINE = "pipeline"
    GRPC_RECORD = grpc_record.NAME


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
    runs: Annotated[int, typer.Option("--runs", envvar="RUNS", min=1, help="How many runs.")] = RUNS,
    only: Annotated[
        Part | None, typer.Option("--only", envvar="ONLY", help="Measure nothing but this part.")
    ] = None,
) -> None:
    """Measure against the targets and write build/bench.json."""
    steps = Steps(Console(highlight=False))
    steps.console.print(hardware())
    told: list[Figure] = []
    # Never those of the environment: every run drops the databases and topics of the one before.
    with Stack(FOLDER, steps=steps, environment={}) as endpoints:
        if only in {None, Part.PIPELINE}:
            told += _pipeline(endpoints, folder, learners, runs, steps)
        if only in {None, Part.GRPC_RECORD}:
            told.append(asyncio.run(_grpc_record(endpoints, steps)))
    write(told, RESULT)
    Console(width=max(steps.console.width, WIDTH)).print(table(told))


def _pipeline(
    endpoints: Endpoints, folder: Path | None, learners: int, runs: int, steps: Steps
) -> list[Figure]:
    with steps.step("Read the results and ask the oracle"):
        fed = cohort(folder, learners)
    # What is kept to the end is not looked through again and again while the clock runs.
    gc.collect()
    gc.freeze()
    return figures(asyncio.run(_measure(endpoints, fed, runs, steps)), len(fed.events))


async def _grpc_record(endpoints: Endpoints, steps: Steps) -> Figure:
    async with record_server(endpoints, FOLDER / "record") as server:
        return await grpc_record.measure(server, steps)


async def _measure(endpoints: Endpoints, fed: Cohort, runs: int, steps: Steps) -> list[Run]:
    with steps.step("Warm the broker up"):  # its first run costs three times the CPU
        await reference(endpoints, FOLDER, fed.events, _topic())
    return [await _run(endpoints, fed, number, steps) for number in range(1, runs + 1)]


def _topic() -> str:
    # A bench that was killed leaves its topic, and its group's offsets, behind.
    return f"bench.{uuid4()}"


async def _run(endpoints: Endpoints, fed: Cohort, number: int, steps: Steps) -> Run:
    with steps.step(f"Run {number}: reference"):
        before = await reference(endpoints, FOLDER, fed.events, _topic())
    async with whole(endpoints, FOLDER) as up:
        with steps.step(f"Run {number}: all results"):
            taken = await throughput.run(up, fed, FOLDER, endpoints.admin)
        with steps.step(f"Run {number}: reference"):
            after = await reference(endpoints, FOLDER, fed.events, _topic())
        run = Run([before, after], taken)
        speed = len(fed.events) / taken.seconds
        steps.console.print(f"  {speed:,.0f} results/s, {run.ratio:.3f} of the reference's")
        await one_result.publish(up.installation.layout)
        await up.settle()
        for load in RATES:
            with steps.step(f"Run {number}: {load} results/s"):
                run.latency[load] = await latency.measure(up, load, LATENCY_SECONDS, seed=number)
    return run


if __name__ == "__main__":
    typer.run(main)
