# SPDX-License-Identifier: Apache-2.0
"""Every command that Cairn prints or documents is one that its command line takes."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from cairn.cli import app

ROOT = Path(__file__).parents[2]
FOLDERS = ("cairn", "chassis", "services", "deploy")
TEXTS = ("README.md", "docs/guarantees.md")
# One that is quoted, up to where its description begins, and one that stands on a line of its own.
QUOTED = re.compile(r"(?<!`)`(cairn [^`]+)`(?!`)")
ON_A_LINE = re.compile(r"^ *(?:\$ |\.venv/bin/)(cairn .+?)(?:  .*)?$", re.MULTILINE)
# What stands for something that whoever reads it knows.
STANDS_FOR = {"FILE": str(ROOT / "README.md"), "DIR": str(ROOT / "examples"), "LOSS...": "loss"}


def quoted_in(text: str) -> Iterator[str]:
    yield from QUOTED.findall(text)
    yield from ON_A_LINE.findall(text)


def literals(source: str) -> Iterator[str]:
    """Yield every text of a program; what is put into one is x."""
    tree = ast.parse(source)
    parts = {part for each in ast.walk(tree) if isinstance(each, ast.JoinedStr) for part in each.values}
    for each in ast.walk(tree):
        if isinstance(each, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in each.values)
        elif isinstance(each, ast.Constant) and isinstance(each.value, str) and each not in parts:
            yield each.value


def found() -> list[tuple[str, str]]:
    commands = []
    for path in (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))):
        texts = literals(path.read_text(encoding="utf-8"))
        commands += [(str(path.relative_to(ROOT)), each) for text in texts for each in quoted_in(text)]
    for name in TEXTS:
        commands += [(name, each) for each in quoted_in((ROOT / name).read_text(encoding="utf-8"))]
    return commands


@pytest.mark.parametrize(("_where", "printed"), sorted(set(found())))
def test_a_printed_command_is_taken(_where: str, printed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAIRN_TENANT", "ou")
    _, *words = shlex.split(printed)
    words = [STANDS_FOR.get(word, word.lower() if word.isupper() else word) for word in words]
    command = get_command(app)
    while isinstance(command, TyperGroup):
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words)


def test_what_is_printed_is_found() -> None:
    """The places that are known to print a command, so that the search above cannot come back empty."""
    where = {place for place, _ in found()}
    assert {"chassis/unit/losses.py", "cairn/cli/waiting.py", "deploy/local/run.py", *TEXTS} <= where
