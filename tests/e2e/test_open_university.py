# SPDX-License-Identifier: Apache-2.0
"""All 173,912 real results through every process: what stands at the end is what the oracle says.

Those of every tenth student come a second time, or all where all are asked for.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from cairn.client.records import open_records
from cairn.records.v1.learner_record_pb2 import AwardState
from deploy.local.cohort.submission import TENANT, Submission, recorded
from deploy.local.stack import Endpoints
from tests.e2e import oracle
from tests.e2e.agreement import differences, learners_of, outcomes_at_intake
from tests.e2e.installation import INGEST, Whole, whole
from tests.e2e.oracle_facts import from_dataset

RESULTS = "assessment.results.v1"


@pytest.mark.timeout(900)
async def test_the_whole_dataset_and_some_of_it_again(
    endpoints: Endpoints,
    folder: Path,
    dataset: Path,
    submissions: list[Submission],
    every: Callable[[int], list[Submission]],
) -> None:
    expected = oracle.conclude(from_dataset(dataset), oracle.weights(dataset / "assessments.csv"))
    async with whole(endpoints, folder) as up:
        await up.feed(recorded(one) for one in submissions)
        first = await up.settle()
        learners = learners_of(await up.recorded(RESULTS), submissions)
        assert differences(expected, first, learners)[:20] == []
        assert first.outcomes["intake", INGEST] == outcomes_at_intake(expected.outcomes)
        assert first.outcomes["results", RESULTS] == {"applied": expected.outcomes["stored"]}
        await _ask_for_some(up, expected, learners)
        repeated = every(10)
        await up.feed(recorded(one) for one in repeated)
        again = await up.settle()
    stored = expected.outcomes["stored"]
    assert again.outcomes["intake", INGEST] == {"applied": stored, "duplicate": len(repeated)}
    assert (again.attainments, again.standings, again.entries) == (
        first.attainments,
        first.standings,
        first.entries,
    )


async def _ask_for_some(up: Whole, expected: oracle.Outcome, learners: dict[str, str]) -> None:
    """Ask over gRPC for every hundredth learner with an award."""
    async with open_records(up.installation.layout.address("records-grpc"), TENANT) as records:
        for student in sorted(expected.met)[::100]:
            record = (await records.record(learners[student])).record
            standing = {
                award.credential
                for award in record.awards
                if award.state in {AwardState.AWARD_STATE_CONFERRED, AwardState.AWARD_STATE_UPHELD}
            }
            assert standing == expected.met[student]
            totals = {total.system: total.amount for total in record.credits}
            assert totals == {"cats": str(expected.credits[student])}
