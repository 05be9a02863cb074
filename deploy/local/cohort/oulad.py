# SPDX-License-Identifier: Apache-2.0
"""Read the Open University Learning Analytics Dataset, from the folder that its README describes.

Kuzilek J., Hlosta M., Zdrahal Z., Scientific Data 4:170171 (2017), CC BY 4.0.
"""

import csv
import gzip
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from deploy.local.cohort.presentations import Assessment, presentations
from deploy.local.cohort.submission import Submission


class Order(StrEnum):
    """The order in which submissions are read: as the file has them, or as they were handed in."""

    FILE = "file"
    TIME = "time"


def submissions(folder: Path, order: Order = Order.TIME) -> Iterator[Submission]:
    """Read all submissions; in time order, those of one noon keep the order of the file."""
    in_file = _read(folder)
    if order is Order.FILE:
        return in_file
    return iter(sorted(in_file, key=lambda submission: submission.occurred_at))


def _read(folder: Path) -> Iterator[Submission]:
    assessments = _by_number(folder)
    with gzip.open(folder / "studentAssessment.csv.gz", "rt", encoding="utf-8", newline="") as table:
        rows = csv.reader(table)
        columns = next(rows)
        place = [columns.index(name) for name in ("id_assessment", "id_student", "date_submitted")]
        banked, score = columns.index("is_banked"), columns.index("score")
        for row in rows:
            number, student, day = (row[column] for column in place)
            yield Submission(
                assessment=assessments[number],
                student=student,
                day=int(day),
                score=int(row[score]) if row[score] else None,
                carried_over=row[banked] == "1",
            )


def _by_number(folder: Path) -> dict[str, Assessment]:
    return {
        assessment.number: assessment
        for presentation in presentations(folder)
        for assessment in presentation.assessments
    }
