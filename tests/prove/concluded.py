# SPDX-License-Identifier: Apache-2.0
"""Whether a run in peace came to what the oracle works out from the same events, without Cairn's code."""

import json
from collections.abc import Sequence

from cairn.cloudevents import CloudEvent, write_structured
from deploy.local.cohort.presentations import EXAMPLE
from deploy.local.cohort.submission import TENANT
from tests.e2e import oracle
from tests.e2e.agreement import differences, outcomes_at_intake
from tests.e2e.installation import INGEST
from tests.e2e.oracle_facts import from_stream
from tests.e2e.state import State, read_state
from tests.e2e.topics import Carried, read
from tests.prove.consumers import RESULTS
from tests.prove.feeding import student_of
from tests.prove.ground import Ground


async def differing_from_oracle(ground: Ground, events: Sequence[CloudEvent]) -> list[str]:
    """Name every difference from the oracle, which knows the example's own documents and no others."""
    state = await read_state(ground.up.databases, TENANT)
    return unlike_the_oracle(events, state, await read(ground.up.bootstrap, RESULTS))


def unlike_the_oracle(events: Sequence[CloudEvent], state: State, results: Sequence[Carried]) -> list[str]:
    """Name every difference in attainments, awards, credits, and in how the events ended at intake."""
    facts = from_stream(map(write_structured, events))
    expected = oracle.conclude(facts, oracle.weights(EXAMPLE / "assessments.csv"))
    found = differences(expected, state, _learners(events, results))
    ended, counted = outcomes_at_intake(expected.outcomes), state.outcomes["intake", INGEST]
    return [*found, *[f"intake: expected {dict(ended)}, counted {dict(counted)}"] * (ended != counted)]


def _learners(events: Sequence[CloudEvent], results: Sequence[Carried]) -> dict[str, str]:
    """Return which learner each student of the story has become."""
    students = {event.id: student_of(event) for event in events}
    said = (json.loads(carried.value or b"{}") for carried in results)
    return {students[each["source_event_id"]]: each["learner"] for each in said}
