# SPDX-License-Identifier: Apache-2.0
"""A batch is a transaction boundary and nothing more: the same results in batches of any size (I2)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from zlib import crc32

import pytest

from deploy.local.cohort import generated
from deploy.local.cohort.derived import derived
from deploy.local.stack import Endpoints
from tests.e2e.extent import WHOLE
from tests.e2e.installation import whole
from tests.e2e.runs import TOPICS, Run, differing, run_of
from tests.e2e.topics import Carried

RESULTS = "assessment.results.v1"
LEARNERS = 120
# Of the whole dataset so many learners' results are cut into batches of one, each a transaction.
ONE_IN = 16 if WHOLE else 1


@dataclass(frozen=True, slots=True)
class Recording:
    """Results as one installation recorded them, fed to others."""

    endpoints: Endpoints
    folder: Path
    results: list[Carried]
    runs: dict[tuple[int, int], Run] = field(default_factory=dict)

    async def run(self, size: int, one_in: int) -> Run:
        """Return what the results of every so many learners come to in batches of a size, once run."""
        if (size, one_in) not in self.runs:
            some = [one for one in self.results if crc32(one.key or b"") % one_in == 0]
            async with whole(self.endpoints, self.folder, {"BATCH_SIZE": str(size)}) as up:
                await up.feed_recorded(RESULTS, some)
                state = await up.settle(within=3600)
                self.runs[size, one_in] = await run_of(up)
            assert state.outcomes["results", RESULTS] == {"applied": len(some)}
        return self.runs[size, one_in]


@pytest.fixture(scope="module")
async def recording(request: pytest.FixtureRequest, endpoints: Endpoints, folder: Path) -> Recording:
    """Record the stream derived from generated learners, or from the whole dataset."""
    submissions = request.getfixturevalue("submissions") if WHOLE else generated.submissions(LEARNERS)
    async with whole(endpoints, folder) as up:
        await up.feed(derived(submissions))
        await up.settle()
        return Recording(endpoints, folder, await up.recorded(RESULTS))


@pytest.mark.timeout(7200 if WHOLE else 900)
@pytest.mark.parametrize(("size", "one_in"), [(7, 1), (1, ONE_IN)])
async def test_batches_of_any_size_come_to_the_same(
    recording: Recording,
    size: int,
    one_in: int,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    large, small = await recording.run(500, one_in), await recording.run(size, one_in)
    record_testsuite_property(f"carried, batches of {size}", small.carried)
    assert all(large.events(topic) > 0 for topic in TOPICS)
    assert list(islice(differing(large, small), 20)) == []
