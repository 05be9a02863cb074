# SPDX-License-Identifier: Apache-2.0
"""What the bench was asked for, and the folder in which it keeps what it starts."""

from dataclasses import dataclass
from pathlib import Path

from deploy.local.progress import Steps
from deploy.local.stack import BUILD, Endpoints

FOLDER = BUILD / "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Where to measure, with what, and how often."""

    endpoints: Endpoints
    steps: Steps
    dataset: Path | None
    """A folder with the OULAD files, where learners are not to be made up."""
    learners: int
    runs: int
    rate: float | None
    """The results a second at which a recovery is measured; nothing takes half of what is measured."""
    stored: int
    """How many results are stored where the cost of one more is measured."""
