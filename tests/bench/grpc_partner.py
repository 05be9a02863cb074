# SPDX-License-Identifier: Apache-2.0
"""How often another institution is told a record: over mutual TLS, under a sharing basis that is looked up.

As ``grpc.record``, with the load as a partner and the bare server over mutual TLS as well, so that what the
certificates cost is on both sides; what the basis and the disclosure cost is on ours alone.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cairn.records.v1 import record_service_pb2 as messages
from deploy.local.cohort.submission import TENANT
from deploy.local.progress import Steps
from deploy.local.stack import Endpoints
from tests.bench import long_record
from tests.bench.asked import FOLDER
from tests.bench.bare_rpc import bare_server
from tests.bench.figures import Figure
from tests.bench.ghz import Shown, ghz
from tests.bench.grpc_record import ROUNDS, SECONDS, figure, told
from tests.bench.record_server import RecordServer, record_server
from tests.certificates import Authority, write_server_files
from tests.integration.services.records.neighbours import PURPOSE, SOUTH, Neighbours

NAME = "grpc.record.partner"
_OPERATOR = "spiffe://north.example/registry"
_WARM_UP_SECONDS = 3.0
_METHOD = messages.DESCRIPTOR.services_by_name["RecordService"].methods_by_name["GetLearnerRecord"]


class Doors:
    """The authorities of a server and its operators, and the files that it reads and a partner shows."""

    def __init__(self, folder: Path) -> None:
        self.ours, self.theirs, self.southern = (Authority(name) for name in ("ours", "theirs", "southern"))
        folder.mkdir(parents=True, exist_ok=True)
        self.server = write_server_files(folder, self.ours.server(), self.theirs.pem)
        # The bare server lets in whom the partner's own authority vouches for.
        self.vouches, believed = folder / "southern.crt", folder / "ours.crt"
        certificate, key = folder / "south.crt", folder / "south.key"
        south = self.southern.client(SOUTH)
        self.vouches.write_bytes(self.southern.pem)
        believed.write_bytes(self.ours.pem)
        certificate.write_bytes(south.certificate)
        key.write_bytes(south.key)
        self.south = Shown(certificate, key, believed)

    @property
    def settings(self) -> dict[str, str]:
        """What the server of records is started with."""
        certificate, key, trust = map(str, self.server)
        return {
            "TLS_CERTIFICATE_FILE": certificate,
            "TLS_KEY_FILE": key,
            "TLS_TRUST_FILE": trust,
            "OPERATOR_IDENTITIES": json.dumps([_OPERATOR]),
        }


async def measure(endpoints: Endpoints, steps: Steps) -> list[Figure]:
    """Measure on a server whose record is empty."""
    doors = Doors(FOLDER / "doors")
    async with record_server(endpoints, FOLDER / "record", doors.settings) as server:
        with steps.step(f"Make a record of {long_record.ENTRIES} entries, a partner and a basis"):
            await long_record.decide(server.database)
            operator = doors.theirs.client(_OPERATOR)
            north = Neighbours(server.address, TENANT, doors.ours, operator, doors.southern)
            await north.meet(**{PURPOSE: False})
        async with _bare(doors) as bare:
            return [await _rounds(server, bare, doors, steps)]


async def _rounds(server: RecordServer, bare: str, doors: Doors, steps: Steps) -> Figure:
    request = {"name": f"institutions/{TENANT}/learners/{long_record.LEARNER}", "purpose": PURPOSE}
    with steps.step("Build ghz"):
        load = await ghz(_METHOD, request, decoding=True, shown=doors.south)
    for address in (server.address, bare):
        await load.load(address, _WARM_UP_SECONDS)
    loads = []
    for number in range(1, ROUNDS + 1):
        with steps.step(f"{NAME}: round {number}"):
            loads.append((await told(server, load), await load.load(bare, SECONDS)))
        ours, empty = loads[-1]
        steps.console.print(f"  {ours.per_second:,.0f} records/s, {ours.per_second / empty.per_second:.3f}")
    return figure(NAME, loads)


@asynccontextmanager
async def _bare(doors: Doors) -> AsyncIterator[str]:
    certificate, key, _ = doors.server
    async with bare_server(tls=(certificate, key, doors.vouches)) as address:
        yield address
