# SPDX-License-Identifier: Apache-2.0
"""What an operator sees of the HTTP door, by the command."""

import asyncio
import json
from datetime import UTC, datetime

from cairn.operations.v1.operations_service_pb2_grpc import add_OperationsServiceServicer_to_server
from chassis.health import Health
from chassis.operations.service import NAME, OperationsService
from chassis.rpc.operators import OperatorsHere
from chassis.rpc.server import RpcServer
from services.assessment.adapters.postgres_door import PostgresDoor
from tests.integration.command import cairn
from tests.integration.services.assessment.house import House, examiner_of, native


async def _asked(house: House, *arguments: str) -> str:
    """Return what the command prints of a service that answers about this house."""
    server = RpcServer([NAME], 0, Health())
    add_OperationsServiceServicer_to_server(
        OperationsService(house.serve, OperatorsHere(), examiner_of(house), PostgresDoor()), server.server
    )
    stop = asyncio.Event()
    task = asyncio.create_task(server.run(stop))
    environment = {
        "CAIRN_ASSESSMENT_ADDRESS": f"127.0.0.1:{server.port}",
        "CAIRN_TENANT": house.tenant,
        "COLUMNS": "200",
    }
    code, told, troubled = await cairn("door", *arguments, environment=environment)
    stop.set()
    await task
    assert (code, troubled) == (0, "")
    return told


async def test_the_door_tells_its_counts_and_why_it_refused(shared: House) -> None:
    scored = {"raw": "1", "min": "1", "max": "1"}
    await shared.post(native(1), native(1), native(1, attempt=2), native(2, score=scored))
    told = await shared.post(native(3, score=scored), native(4, attempt="1"))
    one, other = (item["reason"] for item in told["items"])
    (count,) = json.loads(await _asked(shared, "--json"))
    today = datetime.now(UTC).date()
    assert count["source"] == shared.source.name
    assert count["day"] == {"year": today.year, "month": today.month, "day": today.day}
    counted = [count[name] for name in ("stored", "duplicate", "conflict", "refused")]
    assert counted == ["1", "1", "1", "3"]
    assert count["refusals"] == [{"reason": one, "refused": "2"}, {"reason": other, "refused": "1"}]
    assert f"2 {one}" in await _asked(shared)
    assert json.loads(await _asked(shared, "--json", "--since", "2999-01-01")) == []
