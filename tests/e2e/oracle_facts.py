# SPDX-License-Identifier: Apache-2.0
"""The oracle's facts: what an institution's platform said, read without any of Cairn's code.

From the dataset's CSV, or from a stream of structured CloudEvents, of which the first content
under an id is accepted and nothing else.
"""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """One report of one attempt; ``score`` is raw, min and max."""

    event_id: str
    student: str
    activity: str
    score: tuple[Decimal, Decimal, Decimal] | None
    occurred_at: datetime
    carried_over: bool = False
    attempt: int = 1
    version: int | None = 1
    modified_at: datetime | None = None
    standing: tuple[str, str, str] = ("scored", "final", "clear")

    @property
    def counts(self) -> bool:
        """Tell whether it may count at all: scored, final, undisputed, of this very presentation."""
        return self.score is not None and self.standing[1:] == ("final", "clear") and not self.carried_over


@dataclass(slots=True)
class Facts:
    """What was accepted, and how every item ended: stored, duplicate, conflict or refused."""

    outcomes: Counter[str] = field(default_factory=Counter)
    results: list[Result] = field(default_factory=list)
    retracted: set[tuple[str, str]] = field(default_factory=set)
    """Student and event id of what was taken back, whether it came or not."""


def from_dataset(folder: Path) -> Facts:
    """Read every row of the dataset as one stored result."""
    facts = Facts(results=list(_rows(folder)))
    facts.outcomes["stored"] = len(facts.results)
    return facts


def from_stream(events: Iterable[bytes | str]) -> Facts:
    """Read structured CloudEvents in the order in which they were sent."""
    facts = Facts()
    accepted: dict[str, object] = {}
    for text in events:
        event = json.loads(text, parse_float=Decimal)
        content = (event["type"], event["data"])
        if _refused(event):
            facts.outcomes["refused"] += 1
        elif event["id"] in accepted:
            facts.outcomes["duplicate" if accepted[event["id"]] == content else "conflict"] += 1
        else:
            accepted[event["id"]] = content
            facts.outcomes["stored"] += 1
            _take(facts, event)
    return facts


def _rows(folder: Path) -> Iterator[Result]:
    begins = {}
    with (folder / "assessments.csv").open(newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table):
            year, half = int(row["code_presentation"][:4]), row["code_presentation"][4]
            begins[row["id_assessment"]] = datetime(year, 2 if half == "B" else 10, 1, 12, tzinfo=UTC)
    lowest, highest = Decimal(0), Decimal(100)
    with gzip.open(folder / "studentAssessment.csv.gz", "rt", newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table):
            activity = row["id_assessment"]
            yield Result(
                event_id=f"{activity}-{row['id_student']}",
                student=row["id_student"],
                activity=activity,
                score=(Decimal(row["score"]), lowest, highest) if row["score"] else None,
                occurred_at=begins[activity] + timedelta(days=int(row["date_submitted"])),
                carried_over=row["is_banked"] == "1",
            )


def _refused(event: dict[str, Any]) -> bool:
    score = event["data"].get("score")
    if score is None:
        return False
    raw, least, most = (Decimal(score[name]) for name in ("raw", "min", "max"))
    return not (least < most and least <= raw <= most)


def _take(facts: Facts, event: dict[str, Any]) -> None:
    data = event["data"]
    student = data["learner"]["value"]
    if event["type"].endswith(".result.retracted.v1"):
        facts.retracted.add((student, data["retracts"]))
        return
    score = data.get("score")
    modified = data.get("modified_at")
    facts.results.append(
        Result(
            event_id=event["id"],
            student=student,
            activity=data["activity"].rpartition("/")[2],
            score=score and (Decimal(score["raw"]), Decimal(score["min"]), Decimal(score["max"])),
            occurred_at=datetime.fromisoformat(data["occurred_at"]),
            carried_over=data.get("carried_over", False),
            attempt=data.get("attempt", 1),
            version=data.get("version"),
            modified_at=modified and datetime.fromisoformat(modified),
            standing=(
                data.get("outcome", "scored"),
                data.get("finality", "final"),
                data.get("integrity", "clear"),
            ),
        )
    )
