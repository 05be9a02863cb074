# SPDX-License-Identifier: Apache-2.0
"""What each part of the protocol adds to an event: the complete unit of work less one without the part."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import islice

from chassis.streams.message import Record
from deploy.local.progress import Steps
from deploy.local.stack import Endpoints
from tests.bench.ablation import VARIANTS
from tests.bench.figures import Figure
from tests.bench.probe_room import LEARNERS, ProbeRoom, probe_room, records
from tests.bench.protocol_figures import Round, figures

NAME = "protocol"
ROUNDS = 9
# Records of a batch, and how many batches of that size a round does.
SIZES: Mapping[int, int] = {1: 300, 50: 60, 500: 10}
_FIRST = 500


async def measure(endpoints: Endpoints, steps: Steps) -> list[Figure]:
    """Measure all variants in turns, with every size of batch."""
    stream = records()
    async with AsyncExitStack() as opened:
        with steps.step("Make a database for each variant"):
            rooms = [await opened.enter_async_context(probe_room(endpoints, each)) for each in VARIANTS]
        with steps.step(f"{NAME}: every learner once"):
            await _round(rooms, _batches(stream, _FIRST, LEARNERS // _FIRST))
        rounds: dict[int, list[Round]] = {}
        for size, many in SIZES.items():
            with steps.step(f"{NAME}: batches of {size}"):
                rounds[size] = [
                    await _round(_turned(rooms, number), _batches(stream, size, many))
                    for number in range(ROUNDS)
                ]
        fed = LEARNERS + ROUNDS * sum(size * many for size, many in SIZES.items())
        for room in rooms:
            await room.check(fed)
    return figures(rounds)


async def _round(rooms: Sequence[ProbeRoom], batches: Sequence[Sequence[Record]]) -> Round:
    """Give every variant the same batches; return what an event costs in each."""
    return {room.variant.name: await room.cost(batches) for room in rooms}


def _batches(stream: Iterator[Record], size: int, many: int) -> list[list[Record]]:
    return [list(islice(stream, size)) for _ in range(many)]


def _turned(rooms: Sequence[ProbeRoom], number: int) -> list[ProbeRoom]:
    # None has always the same one before it.
    at = number % len(rooms)
    return [*rooms[at:], *rooms[:at]]
