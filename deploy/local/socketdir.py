# SPDX-License-Identifier: Apache-2.0
"""Finds a folder for PostgreSQL's Unix socket, whose whole path the system limits to 107 bytes."""

import hashlib
import tempfile
from pathlib import Path

from deploy.local.unprivileged import Runner

LONGEST = 103  # macOS allows four bytes fewer than Linux
SOCKET = ".s.PGSQL.5432"


def socket_folder(near: Path, owner: Runner) -> Path:
    """Return a folder that only the server's user enters: beside the data where that is short enough."""
    folder = near / "socket"
    if not _suits(folder):
        digest = hashlib.sha256(str(near).encode()).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"cairn-{digest}"
    if folder.is_symlink():
        message = f"{folder} is a link, which somebody else may have put there"
        raise PermissionError(message)
    # In a shared folder this fails if somebody else made it first: only its owner may change its mode.
    owner.own(folder)
    return folder


def _suits(folder: Path) -> bool:
    # A comma would separate two hosts in a connection string, and a leading @ is no file.
    return len(str(folder / SOCKET).encode()) <= LONGEST and "," not in str(folder)
