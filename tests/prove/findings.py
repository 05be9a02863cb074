# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a run, and the rows of the report that say so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from traceback import format_exception

from tests.prove.report import Row

_SHOWN = 10
_LONGEST = 600


@dataclass(slots=True)
class Findings:
    """What is wrong with a run, each by name; nothing found is a proof."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


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
