# SPDX-License-Identifier: Apache-2.0
"""Each import contract fails on the import it exists for, planted in a copy of the tree."""

import subprocess
import sys
from pathlib import Path
from shutil import copy, copytree, ignore_patterns

import pytest

HOUSE = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
PLANTED = [
    ("services", "services/assessment/domain/planted.py", "import services.records.domain"),
    ("distribution", "cairn/planted.py", "import chassis"),
    ("chassis", "chassis/planted.py", "import services.records"),
    ("domain", "services/records/domain/planted.py", "import asyncpg"),
    ("domain", "services/recognition/domain/planted.py", "from time import time"),
    ("domain", "services/assessment/domain/planted.py", "import chassis"),
    ("rooms", "services/records/app/planted.py", "import services.records.adapters"),
    ("outside", "services/records/app/planted.py", "import grpc"),
]


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("house")
    for package in ("cairn", "chassis", "services"):
        copytree(HOUSE / package, root / package, ignore=ignore_patterns("__pycache__"))
    (root / "tests/contract").mkdir(parents=True)
    copy(HOUSE / "tests/contract/rooms.py", root / "tests/contract")
    copy(HOUSE / "pyproject.toml", root)
    return root


@pytest.mark.parametrize(("contract", "module", "line"), PLANTED)
def test_a_planted_import_breaks_its_contract(tree: Path, contract: str, module: str, line: str) -> None:
    planted = tree / module
    planted.write_text(f"{line}\n")
    try:
        broken = _lint(tree, contract)
    finally:
        planted.unlink()
    assert broken.returncode == 1
    assert f"{module.removesuffix('.py').replace('/', '.')}" in "".join(broken.stdout.split("\n"))
    assert "1 broken" in broken.stdout
    assert _lint(tree, contract).returncode == 0


def _lint(tree: Path, contract: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [LINT_IMPORTS, "--no-logo", "--no-cache", "--contract", contract]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
