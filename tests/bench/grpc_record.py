# SPDX-License-Identifier: Apache-2.0
"""How many records a second are told over gRPC, each with its disclosure committed before.

One learner with 40 entries is asked for again and again by 20 callers, and so is the bare server, in
turns: each round's ratio is of two loads that met the same machine. The load shares the two cores, and
building a message of 40 entries by reflection costs it more than telling them costs the server: beside the
figure stand the one without that (``.undecoded``), and how often a bare server sends the very same bytes
(``.bytes_alone``), which is all that could be had of this load.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import asyncpg
import grpc

from cairn.records.v1 import record_service_pb2 as messages
from cairn.records.v1.record_service_pb2_grpc import RecordServiceStub
from deploy.local.cohort.submission import TENANT
from deploy.local.progress import Steps
from tests.bench import long_record
from tests.bench.asked import FOLDER
from tests.bench.bare_rpc import bare_server
from tests.bench.figures import Figure
from tests.bench.ghz import Ghz, Load, ghz
from tests.bench.hardware import hardware
from tests.bench.record_server import RecordServer

NAME = "grpc.record"
UNDECODED = f"{NAME}.undecoded"
BYTES_ALONE = f"{NAME}.bytes_alone"
ROUNDS = 9
SECONDS = 4.0
_WARM_UP_SECONDS = 3.0
_METHOD = messages.DESCRIPTOR.services_by_name["RecordService"].methods_by_name["GetLearnerRecord"]
_TOLD = "select count(*) from records.disclosure where tenant = $1 and learner = $2 and method = $3"


@dataclass(frozen=True, slots=True)
class Round:
    """One load on the records service, one that keeps the answers as bytes, and those on bare servers."""

    told: Load
    undecoded: Load
    sent: Load
    bare: Load


async def measure(server: RecordServer, steps: Steps) -> list[Figure]:
    """Measure the figures on a server whose record is empty."""
    with steps.step(f"Make a record of {long_record.ENTRIES} entries"):
        await long_record.decide(server.database)
    name = f"institutions/{TENANT}/learners/{long_record.LEARNER}"
    with steps.step("Build ghz"):
        decoding, taking = [
            await ghz(_METHOD, {"name": name}, decoding=decoding) for decoding in (True, False)
        ]
    answer = FOLDER / "answer.binpb"
    answer.write_bytes(await _whole(server.address, name))
    rounds: list[Round] = []
    async with bare_server() as bare, bare_server(answer) as sending:
        for address in (server.address, sending, bare):
            await decoding.load(address, _WARM_UP_SECONDS)
        for number in range(1, ROUNDS + 1):
            with steps.step(f"{NAME}: round {number}"):
                undecoded = await told(server, taking)
                sent = await decoding.load(sending, SECONDS)
                record, empty = await told(server, decoding), await decoding.load(bare, SECONDS)
                rounds.append(Round(record, undecoded, sent, empty))
            latest = rounds[-1]
            steps.console.print(
                f"  {latest.told.per_second:,.0f} records/s,"
                f" {latest.told.per_second / latest.bare.per_second:.3f} of the reference's"
            )
    return [
        figure(NAME, [(each.told, each.bare) for each in rounds]),
        figure(UNDECODED, [(each.undecoded, each.bare) for each in rounds]),
        figure(BYTES_ALONE, [(each.sent, each.bare) for each in rounds]),
    ]


async def _whole(address: str, name: str) -> bytes:
    """Ask once with a client that reads what it is told, and return that; raise where it is not all of it."""
    async with grpc.aio.insecure_channel(address) as channel:
        told = await RecordServiceStub(channel).GetLearnerRecord(messages.GetLearnerRecordRequest(name=name))
    if len(told.record.entries) != long_record.ENTRIES:
        message = f"{len(told.record.entries)} entries are told"
        raise AssertionError(message)
    return told.SerializeToString()


async def told(server: RecordServer, load: Ghz) -> Load:
    """Load the service; raise where an answer left that the log does not have (I8)."""
    connection = await asyncpg.connect(server.admin)
    try:
        before = await connection.fetchval(_TOLD, TENANT, long_record.LEARNER, _METHOD.name)
        measured = await load.load(server.address, SECONDS)
        logged = await connection.fetchval(_TOLD, TENANT, long_record.LEARNER, _METHOD.name) - before
    finally:
        await connection.close()
    if logged < measured.calls:
        message = f"{measured.calls} answers, {logged} of them logged"
        raise AssertionError(message)
    return measured


def figure(name: str, loads: Sequence[tuple[Load, Load]]) -> Figure:
    return Figure(
        name=name,
        value=median(record.per_second for record, _ in loads),
        unit="calls/s",
        p50=median(record.p50 for record, _ in loads),
        p95=median(record.p95 for record, _ in loads),
        p99=median(record.p99 for record, _ in loads),
        reference=median(bare.per_second for _, bare in loads),
        ratio=median(record.per_second / bare.per_second for record, bare in loads),
        runs=len(loads),
        hardware=hardware(),
    )
