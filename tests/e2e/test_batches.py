# SPDX-License-Identifier: Apache-2.0
"""A batch is a transaction boundary and nothing more: the same results in batches of any size (I2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.cohort import generated
from deploy.local.cohort.derived import derived
from deploy.local.stack import Endpoints
from tests.e2e.installation import whole
from tests.e2e.state import State
from tests.e2e.topics import Carried, canonical

RESULTS = "assessment.results.v1"
PUBLISHED = ("competency.events.v1", "recognition.decisions.v1", "records.entries.v1")
LEARNERS = 200


@dataclass(frozen=True, slots=True)
class Run:
    """All that one run came to, in canonical form."""

    state: State
    published: Mapping[str, Mapping[bytes | None, list[Carried]]]


@pytest.mark.timeout(900)
async def test_batches_of_any_size_come_to_the_same(endpoints: Endpoints, folder: Path) -> None:
    async with whole(endpoints, folder) as up:
        await up.feed(derived(generated.submissions(LEARNERS)))
        await up.settle()
        results = await up.recorded(RESULTS)
    runs = [await _run(endpoints, folder, results, size) for size in (500, 7, 1)]
    assert all(runs[0].published[topic] for topic in PUBLISHED)
    for run in runs[1:]:
        assert run.published == runs[0].published
        assert run.state.attainments == runs[0].state.attainments
        assert run.state.standings == runs[0].state.standings
        assert run.state.entries == runs[0].state.entries


async def _run(endpoints: Endpoints, folder: Path, results: list[Carried], size: int) -> Run:
    async with whole(endpoints, folder, {"BATCH_SIZE": str(size)}) as up:
        await up.feed_recorded(RESULTS, results)
        state = await up.settle()
        return Run(state, {topic: canonical(await up.recorded(topic)) for topic in PUBLISHED})
