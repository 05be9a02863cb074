# SPDX-License-Identifier: Apache-2.0
"""What the documents name is there: the tests of the threat model, and the rights of sharing bases."""

import re
from pathlib import Path
from typing import get_args

from services.records.domain.legal_basis import CLAUSES, MODELS

ROOT = Path(__file__).parents[2]


def test_each_test_that_the_threat_model_names_is_there() -> None:
    named = set(re.findall(r"`([a-z0-9_/]+\.py)`", (ROOT / "docs/threat-model.md").read_text()))

    assert len(named) > 20
    assert [each for each in sorted(named) if not (ROOT / "tests" / each).is_file()] == []


def test_each_threat_has_its_test_or_who_bears_it() -> None:
    rows = re.findall(
        r"^\| (?!threat|asset|---|\|)(.*) \|$", (ROOT / "docs/threat-model.md").read_text(), re.MULTILINE
    )
    threats = [row.split(" | ") for row in rows if not re.match(r"A\d | what", row)]
    borne = [last for _, _, last in (each for each in threats if len(each) == 3)]

    assert len(borne) > 20
    assert all(".py`" in each or "`make " in each or each.startswith("accepted") for each in borne)


def test_the_table_of_rights_is_that_of_the_code() -> None:
    told = (ROOT / "docs/partners.md").read_text()
    fields = {
        kind: [f"`{name}`" for name in model.__dataclass_fields__ if name != "kind"]
        for model in MODELS
        for kind in get_args(model.__dataclass_fields__["kind"].type)
    }
    rows = []
    for kind, clause in CLAUSES.items():
        everyone = "yes" if clause.every_learner else "no"
        cells = (f"`{kind}`", clause.source, ", ".join(fields[kind]), everyone)
        rows.append("".join(f"| {cell} " if cell else "| " for cell in cells) + "|")

    assert [line for line in told.splitlines() if re.match(r"\| `[a-z]+_[a-z_]+` \|", line)] == rows
