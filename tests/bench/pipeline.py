# SPDX-License-Identifier: Apache-2.0
"""The whole pipeline, run after run on installations that have seen nothing yet.

Each run measures the reference just before and just after it is fed.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from deploy.local.bring_up import AS_IT_IS, Wiring
from deploy.local.processes import Service
from tests.bench import latency, one_result, throughput
from tests.bench.asked import FOLDER, Asked
from tests.bench.expected import Cohort
from tests.bench.figures import Figure
from tests.bench.reference import reference
from tests.bench.report import Run, figures, rates
from tests.e2e.installation import Whole, whole

NAME = "pipeline.results"
FAUST = "pipeline.results.faust"
RATES = (100, 300)
LATENCY_SECONDS = 20.0
# Every consumer but intake, which reads what is committed, and that Faust cannot.
ON_FAUST = frozenset({"assessment-consume-results", "recognition-consume", "records-consume"})


async def measure(asked: Asked, fed: Cohort) -> list[Figure]:
    """Measure throughput, latency, memory and CPU under the usual runners."""
    await warm_up(asked, fed)
    runs = []
    for number in range(1, asked.runs + 1):
        async with _one(asked, fed, f"Run {number}", AS_IT_IS) as (up, run):
            await _latencies(asked, up, run, number)
        runs.append(run)
    return figures(runs, len(fed.events))


async def measure_faust(asked: Asked, fed: Cohort) -> list[Figure]:
    """Measure throughput and CPU with Faust in every consumer that can run under it."""
    await warm_up(asked, fed)
    runs = []
    for number in range(1, asked.runs + 1):
        async with _one(asked, fed, f"Faust run {number}", Wiring(_on_faust)) as (_, run):
            runs.append(run)
    return rates(runs, len(fed.events), FAUST)


async def rate(asked: Asked, fed: Cohort) -> float:
    """Return the results a second of one run under the usual runners."""
    await warm_up(asked, fed)
    async with _one(asked, fed, "Run", AS_IT_IS) as (_, run):
        return len(fed.events) / run.throughput.seconds


async def warm_up(asked: Asked, fed: Cohort) -> None:
    """Run the reference once: the first run of a broker costs three times the CPU."""
    with asked.steps.step("Warm the broker up"):
        await reference(asked.endpoints, FOLDER, fed.events)


@asynccontextmanager
async def _one(asked: Asked, fed: Cohort, name: str, wiring: Wiring) -> AsyncIterator[tuple[Whole, Run]]:
    endpoints, steps = asked.endpoints, asked.steps
    with steps.step(f"{name}: reference"):
        before = await reference(endpoints, FOLDER, fed.events)
    async with whole(endpoints, FOLDER, wiring=wiring) as up:
        with steps.step(f"{name}: all results"):
            taken = await throughput.run(up, fed, FOLDER, endpoints.admin)
        with steps.step(f"{name}: reference"):
            after = await reference(endpoints, FOLDER, fed.events)
        run = Run([before, after], taken)
        speed = len(fed.events) / taken.seconds
        steps.console.print(f"  {speed:,.0f} results/s, {run.ratio:.3f} of the reference's")
        yield up, run


def _on_faust(service: Service) -> Service:
    if service.name not in ON_FAUST:
        return service
    return replace(service, environment={**service.environment, "RUNNER": "faust"})


async def _latencies(asked: Asked, up: Whole, run: Run, number: int) -> None:
    await one_result.publish(up.installation.layout)
    await up.settle()
    for load in RATES:
        with asked.steps.step(f"Run {number}: {load} results/s"):
            run.latency[load] = await latency.measure(up, load, LATENCY_SECONDS, seed=number)
