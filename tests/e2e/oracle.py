# SPDX-License-Identifier: Apache-2.0
"""What the Open University example must come to, worked out again without any of Cairn's code.

Attainments and awards follow from the set of accepted facts alone. Whether a learner's modules make
a certificate and a diploma is decided by trying every way to divide them.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import chain, combinations
from pathlib import Path

from tests.e2e.oracle_facts import Facts, Result

PASS_MARK = Fraction(40, 100)
CREDITS = {"AAA": 60, "BBB": 60, "CCC": 30, "DDD": 60, "EEE": 30, "FFF": 60, "GGG": 30}
CERTIFICATE, CERTIFICATE_NEEDS = "certificate-of-higher-education", 60
DIPLOMA, DIPLOMA_NEEDS = "diploma-of-higher-education", 30

Presentation = tuple[str, str]
Weights = Mapping[Presentation, Mapping[str, Fraction]]


@dataclass(frozen=True, slots=True)
class Attainment:
    """One student's attainment in the coursework of one presentation."""

    status: str
    score: Fraction | None = None
    achieved_on: date | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that must be true at the end; ``met`` and ``unknown`` name credentials by student."""

    outcomes: Counter[str]
    attainments: dict[tuple[str, Presentation], Attainment]
    met: dict[str, frozenset[str]]
    unknown: dict[str, frozenset[str]]
    credits: dict[str, int]


def weights(table: Path) -> dict[Presentation, dict[str, Fraction]]:
    """Read the weights of all coursework; where all are 0, all are equal, else those of 0 are left out."""
    read: dict[Presentation, dict[str, Fraction]] = defaultdict(dict)
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["assessment_type"] != "Exam":
                presentation = row["code_module"], row["code_presentation"]
                read[presentation][row["id_assessment"]] = Fraction(row["weight"])
    return {
        presentation: {activity: w for activity, w in of.items() if w} or dict.fromkeys(of, Fraction(1))
        for presentation, of in read.items()
    }


def conclude(facts: Facts, counted: Weights) -> Outcome:
    """Work out every attainment, award and credit from the accepted facts."""
    of_activity = {activity: presentation for presentation, of in counted.items() for activity in of}
    grouped: dict[tuple[str, Presentation], list[Result]] = defaultdict(list)
    for result in facts.results:
        if result.activity in of_activity:
            grouped[result.student, of_activity[result.activity]].append(result)
    attainments = {}
    for (student, presentation), results in grouped.items():
        found = attainment(results, facts.retracted, counted[presentation])
        if found is not None:
            attainments[student, presentation] = found
    return Outcome(facts.outcomes, attainments, *_awards(attainments))


def attainment(
    results: Collection[Result], retracted: Collection[tuple[str, str]], of: Mapping[str, Fraction]
) -> Attainment | None:
    """Conclude from all results of one student and presentation; None where nothing ever counted."""
    attempts: dict[tuple[str, int], list[Result]] = defaultdict(list)
    for result in results:
        if (result.student, result.event_id) not in retracted:
            attempts[result.activity, result.attempt].append(result)
    current = [_current(reports) for reports in attempts.values()]
    if any(len({_content(report) for report in reports}) > 1 for reports in current):
        return Attainment("unknown")
    counting = [result for reports in current for result in reports if result.counts]
    if not counting:
        return Attainment("withdrawn") if any(result.counts for result in results) else None
    score = _mean(counting, of)
    if score >= PASS_MARK:
        return Attainment("demonstrated", score, _achieved(counting, of))
    if {result.activity for result in counting} == set(of):
        return Attainment("attempted_not_demonstrated", score)
    return Attainment("partially_attempted")


def awards_of(modules: Collection[str]) -> frozenset[str]:
    """Name the certificate and diploma that these modules make, no module used for both."""
    made: frozenset[str] = frozenset()
    for certificate in _subsets(modules):
        if _sum(certificate) >= CERTIFICATE_NEEDS:
            made |= {CERTIFICATE}
            if _sum(set(modules) - set(certificate)) >= DIPLOMA_NEEDS:
                made |= {DIPLOMA}
    return made


def _awards(
    attainments: Mapping[tuple[str, Presentation], Attainment],
) -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]], dict[str, int]]:
    held, possible = defaultdict(set), defaultdict(set)
    for (student, (module, _)), found in attainments.items():
        if found.status == "demonstrated":
            held[student].add(module)
        if found.status in {"demonstrated", "unknown"}:
            possible[student].add(module)
    met = {student: _credentials(modules) for student, modules in held.items()}
    perhaps = {
        student: _credentials(modules) - met.get(student, frozenset())
        for student, modules in possible.items()
    }
    unknown = {student: credentials for student, credentials in perhaps.items() if credentials}
    return met, unknown, {student: _sum(modules) for student, modules in held.items()}


def _credentials(modules: Collection[str]) -> frozenset[str]:
    return frozenset(f"module-{module.lower()}" for module in modules) | awards_of(modules)


def _current(reports: list[Result]) -> list[Result]:
    if len(reports) == 1:
        return reports
    return [one for one in reports if not any(_supersedes(other, one) for other in reports)]


def _supersedes(later: Result, earlier: Result) -> bool:
    if later.version is not None and earlier.version is not None:
        return later.version > earlier.version
    if later.version is not None or earlier.version is not None:
        return False
    if later.modified_at is None or earlier.modified_at is None:
        return False
    return later.modified_at > earlier.modified_at


def _content(result: Result) -> tuple[object, ...]:
    return result.score, result.standing, result.carried_over, result.occurred_at


def _mean(counting: Iterable[Result], of: Mapping[str, Fraction]) -> Fraction:
    best: dict[str, Fraction] = {}
    for result in counting:
        if result.score is not None:
            share = _share(*result.score)
            best[result.activity] = max(best.get(result.activity, share), share)
    return sum((of[activity] * share for activity, share in best.items()), Fraction(0)) / sum(of.values())


@cache
def _share(raw: Decimal, least: Decimal, most: Decimal) -> Fraction:
    return (Fraction(raw) - Fraction(least)) / (Fraction(most) - Fraction(least))


def _achieved(counting: Collection[Result], of: Mapping[str, Fraction]) -> date:
    days = sorted({result.occurred_at.date() for result in counting})
    return next(
        day for day in days if _mean([r for r in counting if r.occurred_at.date() <= day], of) >= PASS_MARK
    )


def _subsets(modules: Collection[str]) -> Iterator[tuple[str, ...]]:
    ordered = sorted(modules)
    return chain.from_iterable(combinations(ordered, size) for size in range(len(ordered) + 1))


def _sum(modules: Iterable[str]) -> int:
    return sum(CREDITS[module] for module in modules)
