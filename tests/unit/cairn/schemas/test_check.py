# SPDX-License-Identifier: Apache-2.0
"""The commands that guard the contract, as `make check` runs them."""

import json
from pathlib import Path

import pytest

from cairn.schemas import check, generate
from cairn.schemas.json_schema import all_schemas

RESULT = "org.cairn.assessment.result.recorded.v1"


def test_what_is_generated_is_what_is_committed() -> None:
    assert generate.main(["--check"]) == 0


def test_generating_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    assert generate.main(["--out", str(tmp_path)]) == 0
    assert generate.main(["--out", str(tmp_path), "--check"]) == 0


@pytest.mark.parametrize("name", [f"json/{RESULT}.json", "asyncapi.json", "events.md"])
def test_drift_is_found_and_named(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    generate.main(["--out", str(tmp_path)])
    changed = tmp_path / name
    changed.write_text(changed.read_text("utf-8") + " ", "utf-8")
    assert generate.main(["--out", str(tmp_path), "--check"]) == 1
    assert changed.name in capsys.readouterr().err
    changed.unlink()
    assert generate.main(["--out", str(tmp_path), "--check"]) == 1


def test_a_schema_that_is_generated_no_longer_is_drift_and_goes(tmp_path: Path) -> None:
    generate.main(["--out", str(tmp_path)])
    stale = tmp_path / "json" / "org.cairn.gone.v1.json"
    stale.write_text("{}", "utf-8")
    assert generate.main(["--out", str(tmp_path), "--check"]) == 1
    generate.main(["--out", str(tmp_path)])
    assert not stale.exists()


def test_a_break_fails_the_check_and_cannot_be_released(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check.release(all_schemas(), tmp_path)
    assert check.main(["--against", str(tmp_path)]) == 0
    path = tmp_path / f"{RESULT}.json"
    released = json.loads(path.read_text("utf-8"))
    released["properties"]["room"] = {"type": "string"}
    path.write_text(json.dumps(released), "utf-8")
    for arguments in (["--against", str(tmp_path)], ["--against", str(tmp_path), "--release"]):
        assert check.main(arguments) == 1
        assert f"{RESULT}: room was removed" in capsys.readouterr().err
    assert json.loads(path.read_text("utf-8")) == released


def test_without_a_released_copy_the_check_fails(tmp_path: Path) -> None:
    assert check.main(["--against", str(tmp_path)]) == 1
    assert check.main(["--against", str(tmp_path), "--release"]) == 0
    assert check.main(["--against", str(tmp_path)]) == 0
