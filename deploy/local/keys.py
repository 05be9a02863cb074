# SPDX-License-Identifier: Apache-2.0
"""Secrets of a local installation: made once, kept in files that only this user reads."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.local.lock import exclusive
from deploy.local.running import write_whole

KEY_BYTES = 32
PASSWORD_BYTES = 24
WAIT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Keys:
    """One file per secret in a folder."""

    folder: Path

    def key(self, name: str) -> str:
        """Return 256 random bits in base64, the same ones every time."""
        return self._kept(name, lambda: base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())

    def password(self, role: str) -> str:
        """Return a password that needs no escaping in a connection string, the same one every time."""
        return self._kept(f"password.{role}", lambda: secrets.token_urlsafe(PASSWORD_BYTES))

    def _kept(self, name: str, make: Callable[[], str]) -> str:
        path = self.folder / name
        with exclusive(self.folder / "lock", WAIT_SECONDS):
            self.folder.chmod(0o700)
            if not path.exists():
                write_whole(path, make())
        return path.read_text(encoding="utf-8")
