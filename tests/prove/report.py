# SPDX-License-Identifier: Apache-2.0
"""The report of a proof: one row for each case, as a file and as a table."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case; a planted defect is proven by being caught, everything else by nothing lost or doubled."""

    case: str
    runner: str
    planted: str | None
    events: int
    hit: int
    """How often the point was reached, or a fault met work."""
    due: int
    """How often that was planned: the deaths of a process, or the rounds in which a fault was inflicted."""
    least: int
    """How often it must be hit: a point at every death, a fault in one of its rounds."""
    lost: int
    duplicated: int
    equal_to_replay: bool
    equal_state: bool
    failed: int
    """How many tasks of processes ended by an error, and whether the run came to no rest."""
    seconds: float
    tries: int = 1
    """How often the case was run: what was not hit, and a defect that was not caught, is tried again."""
    excused: int = 0
    """How many ended by an error that the proof inflicted: a start while something was down, Faust anew."""
    on_its_ground: int = 0
    """How many findings are what the planted defect must bring; others may come of its bookkeeping."""
    found: tuple[str, ...] = ()
    """The first things that were wrong, by name."""

    @property
    def wrong(self) -> bool:
        """Whether anything was found wrong with what the run came to."""
        return bool(self.lost or self.duplicated or not (self.equal_to_replay and self.equal_state))

    @property
    def reached(self) -> bool:
        """Whether the case was hit as often as it must be; a defect may leave too little for another hit."""
        return self.hit >= (self.least if self.planted is None else 1)

    @property
    def undecided(self) -> bool:
        """Whether nothing was wrong and nothing was shown either, which another try may change.

        Of a defect nothing was shown where nothing is wrong on its own ground.
        """
        return not self.proven and not self.failed and (self.planted is not None or not self.wrong)

    @property
    def proven(self) -> bool:
        """Whether the case was reached and came out as it must; a defect may end processes as well."""
        if self.planted is not None:
            return self.reached and bool(self.on_its_ground)
        return self.reached and not self.wrong and not self.failed


def not_shown(rows: Sequence[Row]) -> list[str]:
    """Name the cases that another try may still decide."""
    return [row.case for row in rows if row.undecided]


def after_another_try(before: Sequence[Row], again: Sequence[Row]) -> list[Row]:
    """Return the rows of a case that was tried again; one that only one of the tries has stands as it is."""
    first, second = {row.case: row for row in before}, {row.case: row for row in again}
    return [
        _after_another_try(first[case], second[case]) if case in first.keys() & second.keys() else row
        for case, row in (first | second).items()
    ]


def _after_another_try(before: Row, again: Row) -> Row:
    """Return the row of a case that was tried again: whatever is wrong stands, and what was shown stands."""
    if before.planted is not None:
        return again
    if before.wrong or before.failed or (before.proven and not (again.wrong or again.failed)):
        return replace(before, tries=again.tries)
    return again


_COLUMNS = (
    *("case", "runner", "planted", "events", "hit"),
    *("lost", "doubled", "replay", "state", "failed", "excused", "s", "tries"),
)


def write(rows: Sequence[Row], path: Path) -> None:
    """Write the report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")


def table(rows: Sequence[Row]) -> Table:
    """Return the report as a table."""
    shown = Table(*_COLUMNS, "")
    for row in rows:
        shown.add_row(
            row.case,
            row.runner,
            row.planted or "",
            f"{row.events:,}",
            str(row.hit) if row.hit >= row.due else f"{row.hit} of {row.due}",
            str(row.lost),
            str(row.duplicated),
            "equal" if row.equal_to_replay else "differs",
            "equal" if row.equal_state else "differs",
            str(row.failed),
            str(row.excused),
            f"{row.seconds:.0f}",
            str(row.tries),
            _verdict(row),
        )
    return shown


def _verdict(row: Row) -> str:
    if not row.reached:
        return "[red]not hit[/red]"
    if row.planted is not None:
        return "caught" if row.proven else "[red]not caught[/red]"
    return "proven" if row.proven else "[red]BROKEN[/red]"
