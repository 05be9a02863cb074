# SPDX-License-Identifier: Apache-2.0
"""The protocol holds in every history that is tried, and each defect planted in it is found.

``HISTORIES=10000`` tries as many; by default as many as every change can wait for.
"""

import os

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Protocol, planted
from tests.model.values import Defect

HISTORIES = int(os.environ.get("HISTORIES", "500"))
STEPS = 8

# A counterexample is wanted, not the smallest, and the same one every time.
SEARCH = settings(
    max_examples=3000,
    stateful_step_count=STEPS,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    print_blob=False,
    report_multiple_bugs=False,
)

FOUND = {
    Defect.ACKNOWLEDGE_BEFORE_COMMIT: "begins at|nobody consumed",
    Defect.ADVANCE_BEFORE_COMMIT: "progress without effects",
    Defect.MARK_BEFORE_PUBLISH: "overtake|never arrived",
    Defect.NO_INBOX: "no commit holds|ended otherwise",
    Defect.NO_FENCE: "is the next offset",
    Defect.NO_LEARNER_LOCK: "clean run|overtake",
    Defect.CONFLICT_OVERWRITES: "no commit holds|ended otherwise|another content",
}


@pytest.mark.timeout(60 + HISTORIES // 10)
def test_every_history_ends_like_a_clean_run() -> None:
    before = Protocol.histories
    run_state_machine_as_test(Protocol, settings=settings(max_examples=HISTORIES, stateful_step_count=STEPS))
    assert Protocol.histories - before >= HISTORIES


@pytest.mark.parametrize("defect", FOUND, ids=lambda defect: defect.name.lower())
def test_a_planted_defect_is_found(defect: Defect) -> None:
    with pytest.raises(AssertionError, match=FOUND[defect]):
        run_state_machine_as_test(planted(defect), settings=SEARCH)
