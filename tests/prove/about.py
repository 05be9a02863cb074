# SPDX-License-Identifier: Apache-2.0
"""What a report is about: which tree was proven by which command, with which seed and on which machine."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local.stack import ROOT
from tests.bench.hardware import hardware


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What stands beside the rows, in a file of its own: they are a list."""

    commit: str
    """As git describes it, ``dirty`` where the tree differs from it."""
    machine: str
    seed: int
    short: bool
    only: str
    events: int
    """How many the nemesis was asked to take."""
    left_out: Mapping[str, str]
    """What this machine does not allow, each with the reason: without all of it there is no nemesis."""


def about(seed: int, only: str, events: int, *, short: bool, left_out: Mapping[str, str]) -> About:
    """Say what is about to be proven, here and now."""
    return About(
        commit=_commit(),
        machine=hardware(),
        seed=seed,
        short=short,
        only=only,
        events=events,
        left_out=left_out,
    )


def write_about(what: About, report: Path) -> Path:
    """Write it beside a report, as ``NAME.about.json`` beside ``NAME.json``; return the path."""
    path = report.with_suffix(".about.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(what), indent=2) + "\n", encoding="utf-8")
    return path


def _commit() -> str:
    """Return what git calls the tree, or that it does not know it, as in one that was unpacked."""
    command = ("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12")
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
