# SPDX-License-Identifier: Apache-2.0
"""The Open University example: its derived documents agree with the table that they come from."""

import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "open-university"
OULAD = ROOT.parent / "shared" / "data" / "oulad"


@pytest.fixture(scope="module")
def derive() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLE / "derive_documents.py"))


def documents(folder: str) -> list[Any]:
    return [yaml.safe_load(path.read_text()) for path in sorted((EXAMPLE / folder).glob("*.yaml"))]


def test_nothing_has_drifted(derive: dict[str, Any]) -> None:
    assert derive["drifted"](EXAMPLE / "assessments.csv", EXAMPLE) == []


def test_every_kind_of_drift_is_named(derive: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(EXAMPLE, folder)
    changed = folder / "policies" / "aaa-2013j.yaml"
    changed.write_text(changed.read_text().replace("0.40", "0.50"))
    (folder / "policies" / "bbb-2013b.yaml").unlink()
    (folder / "rules" / "module-hhh.yaml").write_text("")
    names = derive["drifted"](EXAMPLE / "assessments.csv", folder)
    assert names == ["policies/aaa-2013j.yaml", "policies/bbb-2013b.yaml", "rules/module-hhh.yaml"]


@pytest.mark.skipif(not OULAD.is_dir(), reason="the dataset is not at ../shared/data/oulad")
@pytest.mark.parametrize("table", ["assessments.csv", "courses.csv"])
def test_the_tables_are_those_of_the_dataset(table: str) -> None:
    assert (EXAMPLE / table).read_text() == (OULAD / table).read_text()


def test_every_presentation_has_a_policy_and_every_competency_a_rule() -> None:
    policies, rules = documents("policies"), documents("rules")
    assert (len(policies), len(rules)) == (22, 9)
    asked = {
        alternative["competency"] for rule in rules for alternative in rule["requirement"].get("any", [])
    }
    assert asked == {policy["competency"] for policy in policies}


def test_no_activity_counts_in_two_policies() -> None:
    listed = [activity["activity"] for policy in documents("policies") for activity in policy["activities"]]
    assert len(listed) == len(set(listed)) == 153
