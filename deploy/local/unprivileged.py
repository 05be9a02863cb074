# SPDX-License-Identifier: Apache-2.0
"""Runs PostgreSQL for the superuser, whom it refuses: as the owner of its data, an unprivileged user.

Such a user must be able to reach the programs and the data, so folders on the way get the right to
be passed through (never to be listed), and the programs the right to be read and run.
"""

import os
import pwd
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True)
class Runner:
    """Whom a program runs as; nothing means oneself."""

    user: int | None = None
    group: int | None = None

    def own(self, path: Path) -> None:
        """Make a folder that only this user enters, and see to it that it can be reached."""
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)
            _pass_through(path)

    def may_run(self, programs: Path) -> None:
        """See to it that the programs in this folder and what they load can be run."""
        if self.user is None:
            return
        _pass_through(programs)
        for path in [programs, *programs.rglob("*")]:
            mode = path.stat().st_mode
            wanted = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
            if mode != wanted:
                path.chmod(wanted)


ONESELF = Runner()


def runner(data: Path) -> Runner:
    """Say whom PostgreSQL must run as to keep its data in a folder."""
    if os.geteuid() != 0:
        return ONESELF
    if data.exists() and data.stat().st_uid != 0:
        owner = data.stat()
        return Runner(owner.st_uid, owner.st_gid)
    account = pwd.getpwnam(UNPRIVILEGED)
    return Runner(account.pw_uid, account.pw_gid)


def _pass_through(path: Path) -> None:
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            sys.stderr.write(f"PostgreSQL does not run as root: others may now pass through {folder}\n")
            folder.chmod(mode | stat.S_IXOTH)
