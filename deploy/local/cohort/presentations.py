# SPDX-License-Identifier: Apache-2.0
"""The module presentations of the Open University example and their assessments.

Read from the table that stands beside the example's documents, so that no dataset is needed.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "open-university"

_START_MONTH = {"B": 2, "J": 10}


@dataclass(frozen=True, slots=True)
class Assessment:
    """One assessment of one presentation; ``due_day`` counts from the start and may be unknown."""

    number: str
    kind: str
    due_day: int | None
    module: str
    presentation: str
    starts: datetime

    def at(self, day: int) -> datetime:
        """Return noon UTC of a day counted from the presentation's start."""
        return self.starts + timedelta(days=day)


@dataclass(frozen=True, slots=True)
class Presentation:
    """One run of a module, with its assessments in the order of the table."""

    module: str
    name: str
    days: int
    assessments: tuple[Assessment, ...]


def starts(presentation: str) -> datetime:
    """Return noon UTC of the first day: 2013B begins in February 2013, 2013J in October."""
    return datetime(int(presentation[:4]), _START_MONTH[presentation[4]], 1, 12, tzinfo=UTC)


def presentations(folder: Path = EXAMPLE) -> tuple[Presentation, ...]:
    """Read every presentation, in the order of module and start."""
    found: dict[tuple[str, str], list[Assessment]] = {}
    for assessment in _assessments(folder / "assessments.csv"):
        found.setdefault((assessment.module, assessment.presentation), []).append(assessment)
    days = _days(folder / "courses.csv")
    return tuple(
        Presentation(module, name, days[module, name], tuple(assessments))
        for (module, name), assessments in sorted(found.items())
    )


def _assessments(path: Path) -> Iterator[Assessment]:
    with path.open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            name = row["code_presentation"]
            yield Assessment(
                number=row["id_assessment"],
                kind=row["assessment_type"],
                due_day=int(row["date"]) if row["date"] else None,
                module=row["code_module"],
                presentation=name,
                starts=starts(name),
            )


def _days(path: Path) -> dict[tuple[str, str], int]:
    with path.open(encoding="utf-8", newline="") as table:
        return {
            (row["code_module"], row["code_presentation"]): int(row["module_presentation_length"])
            for row in csv.DictReader(table)
        }
