# SPDX-License-Identifier: Apache-2.0
"""Compare the event schemas with the last released copy, and fail on a breaking change.

``python -m cairn.schemas.check [--release]``: with ``--release`` the present schemas become the
released copy, unless one of them breaks it. A break is made under a new type name: ``.v2``.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cairn.schemas.compare import Break, breaks
from cairn.schemas.json_schema import all_schemas

RELEASED = Path(__file__).with_name("released")

Schemas = Mapping[str, Mapping[str, Any]]


def released(folder: Path = RELEASED) -> dict[str, dict[str, Any]]:
    """Return the released schemas by type name."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))}


def all_breaks(old: Schemas, new: Schemas) -> dict[str, list[Break]]:
    """Return the breaks by type name; a type that is gone is a break, a new one is none."""
    found = {
        name: breaks(schema, new[name]) if name in new else [Break("", "was removed")]
        for name, schema in old.items()
    }
    return {name: each for name, each in found.items() if each}


def release(schemas: Schemas, folder: Path = RELEASED) -> None:
    """Make the schemas the released copy."""
    folder.mkdir(exist_ok=True)
    for name, schema in schemas.items():
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, "utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m cairn.schemas.check", description=__doc__)
    parser.add_argument("--release", action="store_true", help="make these schemas the released copy")
    parser.add_argument("--against", type=Path, default=RELEASED, help="the folder of the released copy")
    chosen = parser.parse_args(arguments)
    before, now = released(chosen.against), all_schemas()
    if not before and not chosen.release:
        sys.stderr.write("there is no released copy to compare with\n")
        return 1
    found = all_breaks(before, now)
    for name, each in found.items():
        for one in each:
            sys.stderr.write(f"{name}: {one.place} {one.what}\n")
    if chosen.release and not found:
        release(now, chosen.against)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
