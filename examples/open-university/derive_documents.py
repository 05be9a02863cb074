#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Derive the policies and module rules of this example from assessments.csv.

Run without arguments it writes them; with ``--check`` it writes nothing and fails when a committed
file differs from what the table says. It needs nothing but Python.
"""

import csv
import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).resolve().parent
COURSEWORK = {"TMA": "tutor-marked", "CMA": "computer-marked"}
CREDITS = {"AAA": 60, "BBB": 60, "CCC": 30, "DDD": 60, "EEE": 30, "FFF": 60, "GGG": 30}
HEADER = "# SPDX-License-Identifier: Apache-2.0\n# Derived from assessments.csv by derive_documents.py.\n"
EQUAL = "# The table gives every coursework of this presentation the weight 0, so all weigh the same here.\n"

Row = dict[str, str]


def coursework(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """Group the coursework of the table by module and presentation; exams are no coursework."""
    presentations: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["assessment_type"] in COURSEWORK:
            presentations.setdefault((row["code_module"], row["code_presentation"]), []).append(row)
    return dict(sorted(presentations.items()))


def policy(module: str, presentation: str, rows: list[Row]) -> str:
    """Write the mastery policy of one presentation."""
    counted = [row for row in rows if Fraction(row["weight"]) > 0]
    equal = not counted
    suffix = ", equal weights" if equal else ""
    lines = [
        f"policy: {module.lower()}-{presentation.lower()}-coursework",
        f"title: Coursework of {module} {presentation}{suffix}",
        f"competency: https://open.ac.uk/competencies/{module}/{presentation}",
        "version: 1",
        "effective_from: 2013-01-01",
        "method: weighted_mean",
        'threshold: "0.40"',
        "attempts: highest",
        "exclude: [carried_over]",
        "activities:",
        *(_activity(row, "1" if equal else row["weight"]) for row in counted or rows),
    ]
    return HEADER + (EQUAL if equal else "") + "\n".join(lines) + "\n"


def _activity(row: Row, weight: str) -> str:
    return f'  - {{activity: "https://open.ac.uk/assessments/{row["id_assessment"]}", weight: "{weight}"}}'


def rule(module: str, presentations: list[str]) -> str:
    """Write the rule of one module's micro-credential: any of its presentations earns it."""
    lines = [
        f"rule: module-{module.lower()}",
        "version: 1",
        "effective_from: 2013-01-01",
        "credential:",
        f"  id: module-{module.lower()}",
        f"  title: Module {module}",
        "  kind: micro_credential",
        "  conferral: automatic",
        "  credits:",
        f'    - {{amount: "{CREDITS[module]}", system: cats, level: "4"}}',
        "review: {due_in_days: 30, addressee: registrar}",
        "requirement:",
        "  id: passed",
        f"  title: The coursework of one presentation of {module}",
        "  any:",
        *(_competency(module, presentation) for presentation in presentations),
    ]
    return HEADER + "\n".join(lines) + "\n"


def _competency(module: str, presentation: str) -> str:
    uri = f"https://open.ac.uk/competencies/{module}/{presentation}"
    return f'    - {{id: {presentation.lower()}, competency: "{uri}"}}'


def documents(table: Path) -> Iterator[tuple[str, str]]:
    """Yield the path, below this folder, and the text of each derived document."""
    with table.open(encoding="utf-8", newline="") as file:
        presentations = coursework(csv.DictReader(file))
    for (module, presentation), rows in presentations.items():
        yield f"policies/{module.lower()}-{presentation.lower()}.yaml", policy(module, presentation, rows)
    for module in CREDITS:
        offered = [presentation for of, presentation in presentations if of == module]
        yield f"rules/module-{module.lower()}.yaml", rule(module, offered)


def drifted(table: Path, folder: Path) -> list[str]:
    """Name the committed documents that differ from what the table says, or that it does not know."""
    expected = dict(documents(table))
    present = {f"policies/{path.name}" for path in (folder / "policies").glob("*")}
    present |= {f"rules/{path.name}" for path in (folder / "rules").glob("module-*")}
    differing = {name for name in present & set(expected) if (folder / name).read_text() != expected[name]}
    return sorted(differing | (present ^ set(expected)))


def write(table: Path, folder: Path) -> None:
    """Write every derived document."""
    for name, text in documents(table):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Write the documents, or check them; return the exit code."""
    table = HERE / "assessments.csv"
    if arguments != ["--check"]:
        write(table, HERE)
        return 0
    names = drifted(table, HERE)
    for name in names:
        sys.stderr.write(f"{name} differs from assessments.csv; run {Path(__file__).name}\n")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
