# SPDX-License-Identifier: Apache-2.0
"""What the faults of the nemesis reach: an installation on three brokers and a database on a small disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from deploy.local.database import Database
from tests.prove.cluster import Cluster
from tests.prove.disk import Disk
from tests.prove.ground import Ground
from tests.prove.story import Publication


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that can fail; ``chance`` decides what does, the same for the same seed."""

    ground: Ground
    cluster: Cluster
    database: Database
    disk: Disk
    chance: Random
    runner: str
    publications: Iterator[Publication]
    """What is still to be published."""
    frozen_seconds: float
    """How long a process is stopped before it wakes as a zombie."""
