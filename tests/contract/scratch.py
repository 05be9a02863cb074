# SPDX-License-Identifier: Apache-2.0
"""A copy of the tracked tree in which a test plants defects, and takes them back."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from shutil import copy2

HOUSE = Path(__file__).parents[2]
# What a surrounding make, git hook or terminal says is not for the make in the copy.
_FOREIGN = ("MAKE", "MFLAGS", "GIT_", "COLUMNS")


class Scratch:
    """The copied tree, a repository of its own, whose recipes run with the house's environment."""

    def __init__(self, root: Path) -> None:
        """Copy what git tracks, as it stands in the working tree, to the new folder ``root``."""
        self.root = root
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        # no bytecode: a planted text of the same length, within the same second, would go unnoticed
        self._environment = {**kept, "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}
        self._copy_tracked()
        self._borrow_tools()
        self._git(root, "init", "--quiet")
        self._git(root, "add", "--all")

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run make in the copy; the output holds standard output and error as they came."""
        return subprocess.run(
            ["make", *arguments, f"VENV={sys.prefix}"],  # noqa: S607 - the make that runs the house's own recipes
            cwd=self.root,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def plant(self, path: str, new: str, *, instead_of: str = "") -> None:
        """Put a text in the place of the one passage ``instead_of``, or at the end of a file, new or not."""
        file = self.root / path
        text = file.read_text("utf-8") if file.exists() else ""
        if instead_of:
            assert text.count(instead_of) == 1, f"{path} has no single {instead_of!r} to plant at"
        file.write_text(text.replace(instead_of, new) if instead_of else text + new, "utf-8")

    def revert(self) -> None:
        """Take back everything that was planted or made since the copy, but what git ignores."""
        self._git(self.root, "checkout", "--quiet", "--", ".")
        self._git(self.root, "clean", "--quiet", "--force", "-d")

    def _copy_tracked(self) -> None:
        for name in filter(None, self._git(HOUSE, "ls-files", "-z").split("\0")):
            if (HOUSE / name).exists():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                copy2(HOUSE / name, self.root / name)

    def _borrow_tools(self) -> None:
        # older than any environment, or make would install the copy into the house's own
        locked = ("locks/*", "tests/contract/asyncapi/*", "deploy/kubernetes/tools/*")
        for file in (file for pattern in locked for file in self.root.glob(pattern)):
            os.utime(file, (0, 0))
        os.utime(self.root / "pyproject.toml", (0, 0))
        (self.root / "build").mkdir()
        for tool in ("asyncapi", "prometheus", "tools"):
            (self.root / "build" / tool).symlink_to(HOUSE / "build" / tool)
        self._borrow_type_cache()

    def _borrow_type_cache(self) -> None:
        # mypy checks it against the content of the files, so that it saves a minute and decides nothing;
        # copied by SQLite, because a type check may be writing it
        for file in HOUSE.glob(".mypy_cache/*/*.db"):
            copy = self.root / file.relative_to(HOUSE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(file)) as ours, closing(sqlite3.connect(copy)) as theirs:
                ours.backup(theirs)

    def _git(self, folder: Path, *arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=True
        ).stdout
