# SPDX-License-Identifier: Apache-2.0
"""Starts processes in sessions of their own, so that neither Ctrl-C nor the starter's end reaches them."""

import atexit
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from deploy.local.logtail import ServerFailedError, tail
from deploy.local.unprivileged import ONESELF, Runner

# Kept so that the system's record of a process that ended is collected, and not before we looked at it.
_children: dict[int, "subprocess.Popen[bytes]"] = {}


def launch(
    command: Sequence[str | Path],
    log: Path,
    folder: Path,
    *,
    runner: Runner = ONESELF,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Start a command in a folder, appending what it says to a log; return its process number."""
    with log.open("ab") as said:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd=folder,
            env=None if environment is None else dict(environment),
            user=runner.user,
            group=runner.group,
            extra_groups=None if runner.user is None else [],
            umask=0o077,
            start_new_session=True,
        )
    _children[child.pid] = child
    return child.pid


def run_logged(command: Sequence[str | Path], log: Path, what: str, *, runner: Runner = ONESELF) -> None:
    """Run a command to its end; raise ServerFailedError with the end of the log when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if _ended(launch(command, log, Path("/"), runner=runner)) != 0:
        raise ServerFailedError(what, tail(log))


def exit_code(pid: int) -> int | None:
    """Return how a process started here ended, or nothing while it runs."""
    child = _children.get(pid)
    return None if child is None else child.poll()


def ends(process: psutil.Process, seconds: float) -> bool:
    """Wait for the end of a process, at most so long; tell whether it has come.

    Of one that was started here this collects the system's record, so that :func:`exit_code` has it. Were
    it collected elsewhere, its number could go to another child, whose record would be taken for its own.
    """
    child = _children.get(process.pid)
    awaited = process if child is None or child.returncode is not None else child
    try:
        awaited.wait(timeout=max(0.0, seconds))
    except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
        return False
    return True


def _ended(pid: int) -> int:
    return _children.pop(pid).wait()


@atexit.register
def _collect() -> None:
    """Look once more at what was started, so that Python does not take what has ended for running."""
    for child in _children.values():
        child.poll()


def with_home(environment: Mapping[str, str]) -> dict[str, str]:
    """Keep of this process's environment what any program expects, and add to it."""
    expected = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
    return {name: os.environ[name] for name in expected if name in os.environ} | dict(environment)
