# SPDX-License-Identifier: Apache-2.0
"""What stands beside a report."""

import json
import re
from pathlib import Path

from tests.bench.hardware import hardware
from tests.prove.about import about, write_about


def test_a_report_names_its_commit_its_seed_and_its_machine(tmp_path: Path) -> None:
    what = about(7, "nemesis", 6000, short=False, left_out={})
    path = write_about(what, tmp_path / "prove.json")
    assert path == tmp_path / "prove.about.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    assert (said["seed"], said["only"], said["events"]) == (7, "nemesis", 6000)
    assert said["machine"] == hardware()
    assert re.fullmatch(r"[0-9a-f]{12,}(-dirty)?|.*-g[0-9a-f]{12}(-dirty)?|unknown", said["commit"])


def test_every_kept_report_has_what_it_is_about_beside_it() -> None:
    folder = Path(__file__).parents[3] / "docs" / "performance"
    kept = [path for path in folder.glob("*.json") if not path.name.endswith(".about.json")]
    assert kept
    for path in kept:
        said = json.loads(path.with_suffix(".about.json").read_text(encoding="utf-8"))
        assert said["commit"]
        assert said["machine"]
        # The bench tells no story: what it is fed stands in the dataset.
        assert isinstance(said["fed"], str) if path.stem == "bench" else isinstance(said["seed"], int)
