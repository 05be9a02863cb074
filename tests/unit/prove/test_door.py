# SPDX-License-Identifier: Apache-2.0
"""The counts of the HTTP door against its answers, each difference shown."""

from collections import Counter

import pytest

from tests.prove.door import compare_door
from tests.prove.findings import Findings


@pytest.mark.parametrize(
    ("counted", "answered", "stored", "found"),
    [
        (Counter(stored=5, duplicate=2), Counter(stored=5, duplicate=1), 5, (0, 0)),
        (Counter(stored=5), Counter(stored=3), 5, (0, 0)),
        (Counter(stored=5), Counter(stored=5, refused=1), 5, (1, 0)),
        (Counter(stored=4), Counter(stored=4), 5, (1, 0)),
        (Counter(stored=6), Counter(stored=5), 5, (0, 1)),
        (Counter(), Counter(), 0, (0, 0)),
    ],
)
def test_what_the_door_answers_and_stores_it_counts(
    counted: Counter[str], answered: Counter[str], stored: int, found: tuple[int, int]
) -> None:
    findings = Findings()
    compare_door(findings, counted, answered, stored)
    assert (len(findings.lost), len(findings.duplicated)) == found
