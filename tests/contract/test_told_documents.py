# SPDX-License-Identifier: Apache-2.0
"""What the documents name is there: the tests of the threat model, and the rights of sharing bases."""

import re
from pathlib import Path
from typing import Any, get_args

from google.rpc import code_pb2

from cairn.errors.v1.error_reason_pb2 import ErrorReason
from chassis.errors import Bug, Conflict, Retry
from chassis.rpc import refusal
from chassis.rpc.refusal import LimitReached, Refusal
from chassis.rpc.status import status_of
from services.assessment.adapters.http_door import http_application
from services.records.domain.legal_basis import CLAUSES, MODELS
from tests.contract.refusals import http_statuses, reasons

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


def test_each_reason_is_told_with_the_status_that_the_code_gives_it() -> None:
    errors: dict[str, Exception] = {each: Refusal(each, "") for each in get_args(refusal.ErrorReason)}
    errors |= {"UNAVAILABLE": Retry(""), "CONFLICT": Conflict(""), "INTERNAL": Bug("")}
    errors |= {"LIMIT_REACHED": LimitReached("", 1)}
    known = [name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()]  # noqa: SIM118 - no mapping

    told = [(reason, code_pb2.Code.Name(status_of(errors[reason]).code)) for reason in known[1:]]

    assert reasons() == told


def test_each_status_by_which_the_http_door_refuses_is_told() -> None:
    door: Any = None  # what describes itself asks nobody
    (path,) = http_application(door, {}, None).openapi()["paths"].values()

    assert http_statuses() == sorted(
        int(each) for each in path["post"]["responses"] if each not in {"200", "422"}
    )
