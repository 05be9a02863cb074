# SPDX-License-Identifier: Apache-2.0
"""Runs the command ``cairn`` as an operator does: as a process of its own."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

Said: TypeAlias = tuple[int | None, str, str]
"""Its exit code, what it tells and what it complains of."""


async def cairn(*arguments: str, environment: Mapping[str, str] | None = None) -> Said:
    """Run it to its end; without an ``environment`` in this process's own."""
    command = Path(sys.executable).parent / "cairn"
    process = await asyncio.create_subprocess_exec(
        command, *arguments, stdout=PIPE, stderr=PIPE, env=environment
    )
    told, troubled = await process.communicate()
    return process.returncode, told.decode(), troubled.decode()
