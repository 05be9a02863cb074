# SPDX-License-Identifier: Apache-2.0
"""Regrades, second attempts, retractions, repeats, contradictions, rivals, latecomers: in two orders (I4)."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cairn.cloudevents import CloudEvent, write_structured
from deploy.local.cohort.derived import derived, shuffled
from deploy.local.cohort.submission import Submission
from deploy.local.stack import Endpoints
from tests.e2e import oracle
from tests.e2e.agreement import differences, learners_of, outcomes_at_intake
from tests.e2e.installation import INGEST, whole
from tests.e2e.oracle_facts import from_stream

RESULTS = "assessment.results.v1"


@pytest.fixture(scope="module")
def stream(every: Callable[[int], list[Submission]]) -> list[CloudEvent]:
    return derived(every(8))


@pytest.fixture(scope="module")
def expected(stream: list[CloudEvent], dataset: Path) -> oracle.Outcome:
    facts = from_stream(write_structured(event) for event in stream)
    return oracle.conclude(facts, oracle.weights(dataset / "assessments.csv"))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("order", [list, shuffled], ids=["in-order", "shuffled"])
async def test_what_holds_does_not_depend_on_the_order(
    endpoints: Endpoints,
    folder: Path,
    submissions: list[Submission],
    stream: list[CloudEvent],
    expected: oracle.Outcome,
    order: Callable[[Sequence[CloudEvent]], list[CloudEvent]],
) -> None:
    async with whole(endpoints, folder) as up:
        await up.feed(order(stream))
        state = await up.settle()
        learners = learners_of(await up.recorded(RESULTS), submissions)
    assert expected.unknown
    assert differences(expected, state, learners)[:20] == []
    assert state.outcomes["intake", INGEST] == outcomes_at_intake(expected.outcomes)
    assert state.outcomes["results", RESULTS] == {"applied": expected.outcomes["stored"]}
