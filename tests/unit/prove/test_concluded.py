# SPDX-License-Identifier: Apache-2.0
"""That a run in peace which comes to something else than the oracle is named."""

import json
from collections import Counter

from tests.e2e.installation import INGEST
from tests.e2e.state import State
from tests.e2e.topics import Carried
from tests.prove.concluded import unlike_the_oracle
from tests.prove.feeding import student_of
from tests.prove.story import story

EVENTS = story(1000, 1).events
RESULTS = [
    Carried(None, (), json.dumps({"source_event_id": event.id, "learner": f"l-{student_of(event)}"}).encode())
    for event in EVENTS
]


def test_a_run_that_came_to_nothing_is_unlike_the_oracle() -> None:
    nothing = State({}, {}, {}, {}, {}, {("intake", INGEST): Counter(applied=1000)}, Counter())
    found = unlike_the_oracle(EVENTS, nothing, RESULTS)
    assert any("expected Attainment" in each for each in found)
    assert any("expected good standing" in each for each in found)
    assert any("credits" in each for each in found)
    assert found[-1].startswith("intake: expected")
