# SPDX-License-Identifier: Apache-2.0
"""How a process ended is known, whoever ended it."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.detached import exit_code, launch
from deploy.local.running import Running, stop_all

ENDINGS: dict[str, tuple[Callable[[Running], object], int]] = {
    "killed": (Running.kill, -signal.SIGKILL),
    "asked to end": (lambda running: stop_all([running], grace=5), -signal.SIGTERM),
    "not given time": (lambda running: stop_all([running], grace=0), -signal.SIGKILL),
}
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
SLEEP = "import time; print(flush=True); time.sleep(60)"


@pytest.mark.parametrize("name", ENDINGS)
def test_who_ends_a_process_leaves_its_exit_code(name: str, tmp_path: Path) -> None:
    end, code = ENDINGS[name]
    log = tmp_path / "log"
    program = DEAF if name == "not given time" else SLEEP
    pid = launch([sys.executable, "-c", program], log, tmp_path)
    running = Running.of(pid, "time.sleep")
    while not log.read_bytes():
        assert exit_code(pid) is None
    end(running)
    assert exit_code(pid) == code
