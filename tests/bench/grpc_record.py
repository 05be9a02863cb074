# SPDX-License-Identifier: Apache-2.0
"""How many records a second are told over gRPC, each with its disclosure committed before.

One learner with 40 entries is asked for again and again by 20 callers, and so is the bare server, in
turns: each round's ratio is of two loads that met the same machine.
"""

from dataclasses import dataclass
from statistics import median

import asyncpg

from cairn.records.v1 import record_service_pb2 as messages
from deploy.local.cohort.submission import TENANT
from deploy.local.progress import Steps
from tests.bench import long_record
from tests.bench.bare_rpc import bare_server
from tests.bench.figures import Figure
from tests.bench.ghz import Ghz, Load, ghz
from tests.bench.hardware import hardware
from tests.bench.record_server import RecordServer

NAME = "grpc.record"
ROUNDS = 9
SECONDS = 4.0
_WARM_UP_SECONDS = 3.0
_METHOD = "GetLearnerRecord"
_TOLD = "select count(*) from records.disclosure where tenant = $1 and learner = $2 and method = $3"


@dataclass(frozen=True, slots=True)
class Round:
    """One load on the records service and one on the bare server, right after it."""

    told: Load
    bare: Load

    @property
    def ratio(self) -> float:
        """The service's rate as a share of the bare server's."""
        return self.told.per_second / self.bare.per_second


async def measure(server: RecordServer, steps: Steps) -> Figure:
    """Measure the figure on a server whose record is empty."""
    with steps.step("Make a record of 40 entries"):
        await long_record.decide(server.database)
    name = f"institutions/{TENANT}/learners/{long_record.LEARNER}"
    with steps.step("Build ghz"):
        service = messages.DESCRIPTOR.services_by_name["RecordService"]
        load = await ghz(messages.DESCRIPTOR, f"{service.full_name}.{_METHOD}", {"name": name})
    rounds: list[Round] = []
    async with bare_server() as bare:
        for address in (server.address, bare):
            await load.load(address, _WARM_UP_SECONDS)
        for number in range(1, ROUNDS + 1):
            with steps.step(f"{NAME}: round {number}"):
                rounds.append(Round(await _told(server, load), await load.load(bare, SECONDS)))
            latest = rounds[-1]
            steps.console.print(
                f"  {latest.told.per_second:,.0f} records/s, {latest.ratio:.3f} of the reference's"
            )
    return _figure(rounds)


async def _told(server: RecordServer, load: Ghz) -> Load:
    """Load the service; raise where an answer left that the log does not have (I8)."""
    connection = await asyncpg.connect(server.admin)
    try:
        before = await connection.fetchval(_TOLD, TENANT, long_record.LEARNER, _METHOD)
        measured = await load.load(server.address, SECONDS)
        logged = await connection.fetchval(_TOLD, TENANT, long_record.LEARNER, _METHOD) - before
    finally:
        await connection.close()
    if logged < measured.calls:
        message = f"{measured.calls} answers, {logged} of them logged"
        raise AssertionError(message)
    return measured


def _figure(rounds: list[Round]) -> Figure:
    return Figure(
        name=NAME,
        value=median(each.told.per_second for each in rounds),
        unit="calls/s",
        p50=median(each.told.p50 for each in rounds),
        p95=median(each.told.p95 for each in rounds),
        p99=median(each.told.p99 for each in rounds),
        reference=median(each.bare.per_second for each in rounds),
        ratio=median(each.ratio for each in rounds),
        runs=len(rounds),
        hardware=hardware(),
    )
