# SPDX-License-Identifier: Apache-2.0
"""Policies and rules as files: which ones a command means, and in which of them a refused place lies."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cairn.client.errors import CallError, Violation

_ENDINGS = {".yaml", ".yml", ".json"}
_place = re.compile(r"documents\[([0-9]+)\]\.?(.*)\Z", re.DOTALL)

Paths = Annotated[
    list[Path],
    typer.Argument(exists=True, readable=True, help="Files, or folders with .yaml, .yml and .json files."),
]


def read_documents(paths: Iterable[Path]) -> dict[str, str]:
    """Return path → text of every document, in a stable order; raises BadParameter when there is none."""
    documents = {str(path): _text(path) for path in sorted({path for each in paths for path in _files(each)})}
    if not documents:
        raise typer.BadParameter("there is no .yaml, .yml or .json file")
    return documents


def in_files(error: CallError, names: list[str]) -> CallError:
    """Name the places of an error by file and place in the file instead of by place in the request."""
    error.violations = tuple(_in_file(violation, names) for violation in error.violations)
    return error


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [each for each in path.rglob("*") if each.suffix in _ENDINGS and each.is_file()]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} is not UTF-8 text") from None


def _in_file(violation: Violation, names: list[str]) -> Violation:
    found = _place.match(violation.field)
    if found is None or int(found[1]) >= len(names):
        return violation
    return replace(violation, field=": ".join(filter(None, (names[int(found[1])], found[2]))))
