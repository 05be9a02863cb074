# SPDX-License-Identifier: Apache-2.0
"""Each check of ``make check`` passes on the tree as it is, and fails on a defect planted in a copy.

The recipes themselves run, so that one that lost its teeth (a wrong folder, an ignored exit code) is
found as well as a rule that was loosened.
"""

import re
from collections.abc import Iterator

import pytest

from tests.contract.defects import DEFECTS, ENTRY, HASH, MISSPELT, MODEL, Defect
from tests.contract.scratch import HOUSE, Scratch

# Without a cache the strict type check of the whole tree takes more than a minute on a busy machine.
pytestmark = pytest.mark.timeout(300)

CHECKS = re.findall(r"^CHECKS := (.*)$", (HOUSE / "Makefile").read_text("utf-8"), re.MULTILINE)[0].split()


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    return Scratch(tmp_path_factory.mktemp("tree"))


@pytest.fixture
def tree(copied: Scratch) -> Iterator[Scratch]:
    yield copied
    copied.revert()


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_passes_on_the_tree_as_it_is(tree: Scratch, check: str) -> None:
    done = tree.make(check)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
def test_a_check_fails_on_its_defect_and_says_so(tree: Scratch, defect: Defect) -> None:
    tree.plant(defect.path, defect.new, instead_of=defect.instead_of)
    if defect.generated:
        assert tree.make("regenerate").returncode == 0
    done = tree.make(defect.check)
    assert done.returncode == 2
    assert defect.says in done.stdout


def test_every_check_is_seen_to_fail() -> None:
    assert {defect.check for defect in DEFECTS.values()} == set(CHECKS)


def test_a_contract_may_grow(tree: Scratch) -> None:
    tree.plant(
        ENTRY,
        f"  string digest = 21 [deprecated = true];\n{HASH}",
        instead_of=HASH,
    )
    done = tree.make("protos")
    assert done.returncode == 0, done.stdout


def test_an_event_may_grow_once_its_documents_are_generated_again(tree: Scratch) -> None:
    field = "    carried_over: bool = False\n"
    tree.plant(MODEL, f'{field}    room: str = ""\n', instead_of=field)
    assert tree.make("schemas").returncode == 2
    assert tree.make("regenerate").returncode == 0
    done = tree.make("schemas")
    assert done.returncode == 0, done.stdout


def test_all_checks_run_and_the_one_that_failed_is_named(tree: Scratch) -> None:
    tree.plant("docs/design.md", f"{MISSPELT}\n")
    done = tree.make("check", "CHECKS=spelling format")
    assert done.returncode == 2
    assert re.findall(r"\*\*\* \[Makefile:\d+: (\w+)\]", done.stdout) == ["spelling", "check"]
    assert "already formatted" in done.stdout
