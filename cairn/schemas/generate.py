# SPDX-License-Identifier: Apache-2.0
"""Write the contract's documents, always the same bytes for the same models.

``python -m cairn.schemas.generate [--out DIR] [--check]``: with ``--check`` nothing is written,
and what differs from what is there is named.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from cairn.schemas.asyncapi import asyncapi
from cairn.schemas.event_page import event_page
from cairn.schemas.json_schema import all_schemas

HERE = Path(__file__).parent
_PAGE = HERE.parents[1] / "docs" / "reference" / "events.md"


def documents(out: Path | None) -> dict[Path, str]:
    """Return the text of every document by its path: in ``out``, or where this checkout has them."""
    folder = HERE if out is None else out
    files = {folder / "json" / f"{name}.json": _text(schema) for name, schema in all_schemas().items()}
    files[folder / "asyncapi.json"] = _text(asyncapi())
    files[_PAGE if out is None else out / "events.md"] = event_page()
    return files


def drift(files: dict[Path, str]) -> list[Path]:
    """Return the paths whose text is missing, differs, or is generated no longer."""
    differing = [path for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text]
    return sorted(differing + _stale(files))


def write(files: dict[Path, str]) -> None:
    """Write every document and remove what is generated no longer."""
    for path in _stale(files):
        path.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m cairn.schemas.generate", description=__doc__)
    parser.add_argument("--out", type=Path, help="a folder to write to, instead of the checkout's own places")
    parser.add_argument("--check", action="store_true", help="only compare with what is there")
    chosen = parser.parse_args(arguments)
    files = documents(chosen.out)
    if not chosen.check:
        write(files)
        return 0
    differing = drift(files)
    for path in differing:
        sys.stderr.write(f"{path.name} is not what the models say; run python -m cairn.schemas.generate\n")
    return 1 if differing else 0


def _stale(files: dict[Path, str]) -> list[Path]:
    folders = {path.parent for path in files if path.parent.name == "json"}
    return [path for folder in folders for path in folder.glob("*.json") if path not in files]


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
