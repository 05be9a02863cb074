# SPDX-License-Identifier: Apache-2.0
"""From SIGKILL until the backlog is gone, at half of the rate that the pipeline takes in at most.

Who is killed is started again at once, as an orchestrator would; so is a process that ends meanwhile.
What was fed is checked against the oracle in the end.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter

from cairn.cloudevents import CloudEvent
from deploy.local.broker import Broker
from deploy.local.cohort import generated
from deploy.local.cohort.submission import recorded
from deploy.local.counts import counting
from deploy.local.stack import BUILD
from tests.bench.asked import FOLDER, Asked
from tests.bench.expected import concluding
from tests.bench.figures import Figure
from tests.bench.hardware import hardware
from tests.bench.steady import steady
from tests.bench.watch import Watch
from tests.e2e.installation import Whole, whole

NAME = "recovery"
_SETTLE_SECONDS = 10.0
_USUAL_SECONDS = 10.0
_LONGEST_SECONDS = 120.0
_RESULTS_PER_LEARNER = 7  # 8.9 on average; rather too many learners than too few

Kill = Callable[[Whole], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Recovery:
    """One kill: seconds until the backlog was gone, and the names of processes that ended meanwhile."""

    seconds: float
    ended: Sequence[str]


async def measure(asked: Asked, rate: float) -> list[Figure]:
    """Kill a consumer and the broker, each as often as was asked for, at a rate."""
    figure = partial(Figure, runs=asked.runs, hardware=hardware())
    told = [figure(name=f"{NAME}.rate", value=rate, unit="results/s")]
    for name, kill in _KILLS.items():
        seconds: list[float] = []
        for number in range(1, asked.runs + 1):
            with asked.steps.step(f"Run {number}: {NAME}.{name} at {rate:,.0f} results/s"):
                recovery = await _recover(asked, rate, kill)
            ended = f"; ended meanwhile: {', '.join(recovery.ended)}" if recovery.ended else ""
            asked.steps.console.print(f"  {recovery.seconds:.1f} s{ended}")
            seconds.append(recovery.seconds)
        told.append(figure(name=f"{NAME}.{name}", value=median(seconds), unit="s"))
    return told


async def _recover(asked: Asked, rate: float, kill: Kill) -> Recovery:
    """Kill once, in the middle of a steady load on an installation that has seen nothing else."""
    events = _events(rate)
    async with (
        whole(asked.endpoints, FOLDER) as up,
        steady(up.bootstrap, events, rate) as load,
        asyncio.TaskGroup() as tasks,
    ):
        sending = tasks.create_task(load.run())
        async with counting(up.installation.layout) as counter:
            watch = Watch(up, load, counter)
            await asyncio.sleep(_SETTLE_SECONDS)
            usual = await watch.usual(_USUAL_SECONDS)
            begun = perf_counter()
            await kill(up)
            gone = await watch.gone(usual, _LONGEST_SECONDS)
        load.stop()
        sent = await sending
        if differences := concluding(events[:sent]).concluded(await up.settle()):
            raise AssertionError("; ".join(differences))
    return Recovery(gone - begun, watch.ended)


async def _kill_consumer(up: Whole) -> None:
    """End recognition's consumer by SIGKILL and start it again."""
    processes = up.installation.processes
    processes.start([processes.kill("recognition-consume")])


async def _kill_broker(_up: Whole) -> None:
    """End the broker by SIGKILL and start it again, on the same port and data."""
    broker = Broker(FOLDER / "kafka", BUILD / "jars")
    if (running := broker.running()) is None:
        raise AssertionError("no broker runs that could be killed")
    # What the clients of this process say of a broker that is away is known.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    await asyncio.to_thread(running.kill)
    await asyncio.to_thread(broker.start)


_KILLS: Mapping[str, Kill] = {"consumer": _kill_consumer, "broker": _kill_broker}


def _events(rate: float) -> list[CloudEvent]:
    seconds = _SETTLE_SECONDS + _USUAL_SECONDS + _LONGEST_SECONDS + 60
    learners = int(rate * seconds / _RESULTS_PER_LEARNER) + 1
    return [recorded(each) for each in generated.submissions(learners)][: int(rate * seconds)]
