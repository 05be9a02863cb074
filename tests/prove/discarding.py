# SPDX-License-Identifier: Apache-2.0
"""Passing over the poison that holds learners up, as an operator would."""

import asyncio
import time
from contextlib import suppress

from cairn.client.errors import CallError
from cairn.client.operations import OperationsClient, open_operations
from cairn.operations.v1.waiting_record_pb2 import WaitingState
from deploy.local.cohort.submission import TENANT
from tests.prove.ground import Ground

OPERATOR = "nemesis"
_DOORS = ("assessment-grpc", "recognition-grpc", "records-grpc")
_DISCARDED_SECONDS = 600.0
_BETWEEN_ROUNDS = 0.5


async def discard(ground: Ground) -> tuple[str, ...]:
    """Discard all poison at every door; return where some is left."""
    left: list[str] = []
    for door in _DOORS:
        address = ground.up.installation.layout.address(door)
        async with open_operations(address, OPERATOR) as operations:
            if count := await discard_all(operations, _DISCARDED_SECONDS):
                left.append(f"{door}: {count} records could not be discarded")
    return tuple(left)


async def discard_all(operations: OperationsClient, within: float) -> int:
    """Discard poison until there is none: behind what is discarded there may be some again.

    Return how much there was at the last look, where the time is over.
    """
    deadline = time.monotonic() + within
    while count := await _discarded(operations):
        if time.monotonic() > deadline:
            return count
        await asyncio.sleep(_BETWEEN_ROUNDS)
    return 0


async def _discarded(operations: OperationsClient) -> int:
    """Discard the poison that is first of its learner; return how much there was."""
    found = [
        record.name
        async for record in operations.waiting(TENANT, first_only=True)
        if record.state == WaitingState.WAITING_STATE_DEAD_LETTERED
    ]
    for name in found:
        with suppress(CallError):
            await operations.carried_out(await operations.discard(name))
    return len(found)
