# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a run, and the rows of the report that say so."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from traceback import format_exception

from tests.prove.report import Row

_SHOWN = 10
_LONGEST = 600
# What each planted defect must bring: by anything else it would be caught for another reason than its own.
_GROUNDS = {
    "acknowledge_before_commit": re.compile(r"took no effect$"),
    "mark_before_publish": re.compile(r"was not published$"),
    "no_inbox": re.compile(r"took effect \d+ times$"),
    "no_learner_lock": re.compile(r"took effect \d+ times$|has no ground$|says two things$"),
    "no_fence": re.compile(r"holds \d+, counted \d+$"),
}


@dataclass(slots=True)
class Findings:
    """What is wrong with a run, each by name; nothing found is a proof."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    excused: int = 0
    """How many ends of processes by an error were the proof's own doing."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What was tried out: on which runner, with which defect, on how many events.

    ``due`` is how often a hit was planned, ``least`` how many of them there must be: all unless it is said.
    """

    runner: str
    planted: str | None
    events: int
    due: int = 1
    least: int | None = None


def rows_of_cases(
    cases: Mapping[str, int], tried: Tried, seconds: float, findings: Findings, states: Sequence[str]
) -> list[Row]:
    """Return the row of each case of one run, given how often each was hit."""
    wrong = (*findings.failed, *findings.lost, *findings.duplicated, *findings.differing, *states)
    return [
        Row(
            case=case,
            runner=tried.runner,
            planted=tried.planted,
            events=tried.events,
            hit=hit,
            due=tried.due,
            least=tried.due if tried.least is None else tried.least,
            lost=len(findings.lost),
            duplicated=len(findings.duplicated),
            equal_to_replay=not findings.differing,
            equal_state=not states,
            failed=len(findings.failed),
            excused=findings.excused,
            on_its_ground=_on_ground(tried.planted, wrong),
            seconds=round(seconds, 1),
            found=tuple(each[-_LONGEST:] for each in wrong[:_SHOWN]),
        )
        for case, hit in cases.items()
    ]


def raised(case: str, tried: Tried, seconds: float, error: Exception) -> Row:
    """Return the row of a case that came to no verdict."""
    findings = Findings(failed=["".join(format_exception(error))[-_LONGEST:]])
    (row,) = rows_of_cases({case: 0}, tried, seconds, findings, ())
    return row


def _on_ground(planted: str | None, wrong: Sequence[str]) -> int:
    return 0 if planted is None else sum(bool(_GROUNDS[planted].search(each)) for each in wrong)
