# SPDX-License-Identifier: Apache-2.0
"""The parts of the bench, each of which can be measured by itself."""

import asyncio
import gc
from collections.abc import Iterator, Sequence
from enum import StrEnum

from tests.bench import cost, grpc_partner, grpc_record, pipeline, protocol, recovery, stage
from tests.bench.asked import FOLDER, Asked
from tests.bench.expected import Cohort, cohort
from tests.bench.figures import Figure
from tests.bench.record_server import record_server


class Part(StrEnum):
    """What can be measured by itself, in the order in which it is measured."""

    PIPELINE = "pipeline"
    FAUST = pipeline.FAUST
    STAGE = stage.NAME
    PROTOCOL = protocol.NAME
    RECOVERY = recovery.NAME
    GRPC_RECORD = grpc_record.NAME
    GRPC_PARTNER = grpc_partner.NAME
    COST = cost.NAME


_UNASKED = [part for part in Part if part is not Part.COST]
"""What is measured unless one part is asked for: cost fills gigabytes."""
_FED = frozenset({Part.PIPELINE, Part.FAUST, Part.STAGE})
"""The parts that feed the cohort."""


def carry_out(asked: Asked, only: Part | None) -> Iterator[list[Figure]]:
    """Measure one part, or all, and yield after each the figures so far."""
    parts = _UNASKED if only is None else [only]
    unknown_rate = parts == [Part.RECOVERY] and asked.rate is None
    fed = None if _FED.isdisjoint(parts) and not unknown_rate else _read(asked)
    told: list[Figure] = []
    for part in parts:
        told += asyncio.run(_measure(part, asked, fed, told))
        yield told


def _read(asked: Asked) -> Cohort:
    with asked.steps.step("Read the results and ask the oracle"):
        fed = cohort(asked.dataset, asked.learners)
    # What is kept to the end is not looked through again and again while the clock runs.
    gc.collect()
    gc.freeze()
    return fed


async def _measure(part: Part, asked: Asked, fed: Cohort | None, told: Sequence[Figure]) -> list[Figure]:
    match part:
        case Part.PROTOCOL:
            return await protocol.measure(asked.endpoints, asked.steps)
        case Part.COST:
            return await cost.measure(asked.stored, asked.steps)
        case Part.RECOVERY if asked.rate is not None:
            return await recovery.measure(asked, asked.rate)
        case Part.GRPC_RECORD:
            async with record_server(asked.endpoints, FOLDER / "record") as server:
                return await grpc_record.measure(server, asked.steps)
        case Part.GRPC_PARTNER:
            return await grpc_partner.measure(asked.endpoints, asked.steps)
        case _ if fed is None:
            message = f"{part} needs the cohort"
            raise AssertionError(message)
        case _:
            return await _feed(part, asked, fed, told)


async def _feed(part: Part, asked: Asked, fed: Cohort, told: Sequence[Figure]) -> list[Figure]:
    match part:
        case Part.PIPELINE:
            return await pipeline.measure(asked, fed)
        case Part.FAUST:
            return await pipeline.measure_faust(asked, fed)
        case Part.STAGE:
            return await stage.measure(asked, fed)
        case _:
            known = {each.name: each.value for each in told}.get(pipeline.NAME)
            return await recovery.measure(asked, (known or await pipeline.rate(asked, fed)) / 2)
