# SPDX-License-Identifier: Apache-2.0
"""What the answers that a run gave must show, and that none show nothing."""

from collections import Counter

import pytest

from cairn.client.errors import CallError, DeniedError, FailedError, UnavailableError
from tests.prove.asking import Answers, check_disclosed
from tests.prove.findings import Findings


def found(answers: Answers) -> tuple[int, int]:
    """Return how much failed and how much is lost by these answers, with one disclosure kept."""
    findings = Findings()
    check_disclosed(findings, answers, {"kept"})
    return len(findings.failed), len(findings.lost)


def test_each_answer_has_a_disclosure_of_its_own_that_is_kept() -> None:
    assert found(Answers(1, {"kept"})) == (0, 0)
    assert found(Answers(2, {"kept", "other"})) == (0, 1)
    assert found(Answers(2, {"kept"})) == (0, 1)


def test_no_answers_prove_nothing() -> None:
    assert found(Answers()) == (1, 0)


@pytest.mark.parametrize(
    ("error", "refusals"),
    [
        (FailedError("broken", "INTERNAL"), {"INTERNAL": 1}),
        (DeniedError("no", "PERMISSION_DENIED"), {"PERMISSION_DENIED": 1}),
        (UnavailableError("down", "UNAVAILABLE"), {}),
        (FailedError("the stream was reset"), {}),
    ],
)
def test_only_a_door_that_is_down_may_give_no_answer(error: CallError, refusals: dict[str, int]) -> None:
    answers = Answers(1, {"kept"})
    answers.note(error)
    assert answers.refusals == Counter(refusals)
    assert found(answers) == (len(refusals), 0)
