# SPDX-License-Identifier: Apache-2.0
"""The latency load: results that arrive at random instants (Poisson), one a request at the HTTP door.

A result keeps its instant whatever became of those before it: requests do not wait for each other,
so a pause of the system is measured by all who meet it.
"""

import asyncio
import time
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

import aiohttp

from cairn.cloudevents.structured import write_structured
from cairn.ids import LearnerId, TenantId
from deploy.local.cohort.submission import TENANT
from services.assessment.app.intake import Identifier
from tests.bench.one_result import learner, passed

_STRUCTURED = {"content-type": "application/cloudevents+json"}


@dataclass(frozen=True, slots=True)
class Arrival:
    """One result: its instant, about whom, and futures of when it was due, accepted and read as an entry."""

    at: float
    number: str
    learner: LearnerId
    due: "asyncio.Future[float]"
    accepted: "asyncio.Future[float]"
    read: "asyncio.Future[float]"

    @property
    def at_door(self) -> float:
        """Return the milliseconds from its instant to the door's answer, time spent in a queue included."""
        return 1000 * (self.accepted.result() - self.due.result())

    @property
    def to_record(self) -> float:
        """Return the milliseconds from the door's answer to the record's."""
        return 1000 * (self.read.result() - self.accepted.result())


def plan(chance: Random, rate: int, seconds: float, identity_key: str) -> list[Arrival]:
    """Plan the arrivals of a number of seconds, each of a learner of its own."""
    loop = asyncio.get_running_loop()
    prefix, identify = f"{chance.getrandbits(48):012x}", Identifier(b64decode(identity_key))
    arrivals: list[Arrival] = []
    at = chance.expovariate(rate)
    while at < seconds:
        number = f"{prefix}-{len(arrivals)}"
        opaque = identify(TenantId(TENANT), learner(number))
        arrivals.append(Arrival(at, number, opaque, *(loop.create_future() for _ in range(3))))
        at += chance.expovariate(rate)
    return arrivals


async def send(url: str, arrivals: Sequence[Arrival]) -> None:
    """Send each at its instant and return when all are accepted."""
    connections = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connections) as door, asyncio.TaskGroup() as requests:
        begun = time.perf_counter()
        for arrival in arrivals:
            arrival.due.set_result(begun + arrival.at)
            await asyncio.sleep(max(0.0, begun + arrival.at - time.perf_counter()))
            requests.create_task(_post(door, url, arrival))


async def _post(door: aiohttp.ClientSession, url: str, arrival: Arrival) -> None:
    body = write_structured(passed(arrival.number, datetime.now(UTC)))
    async with door.post(url, data=body, headers=_STRUCTURED) as response:
        answer = await response.read()
        arrival.accepted.set_result(time.perf_counter())
        if response.status != 200 or b'"stored"' not in answer:
            message = f"the door answered {response.status}: {answer[:200]!r}"
            raise AssertionError(message)
