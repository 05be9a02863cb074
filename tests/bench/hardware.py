# SPDX-License-Identifier: Apache-2.0
"""What the machine is, in one line, so that no figure stands without it."""

import os
import platform
from pathlib import Path

import psutil

_CPU = Path("/proc/cpuinfo")


def hardware() -> str:
    """Return cores that this process may use, CPU model, memory and kernel."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory().total / 1024**3
    return f"{cores} cores, {_model()}, {memory:.1f} GiB, {platform.system()} {platform.release()}"


def _model() -> str:
    if _CPU.exists():
        for line in _CPU.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
