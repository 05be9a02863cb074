# SPDX-License-Identifier: Apache-2.0
"""The faults of the nemesis: each is inflicted on an installation that is at work, and healed again.

Each tells whether it has met work that it could damage; one that has not proves nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from tests.prove.faults.machines import (
    broker_loss,
    broker_restart,
    database_restart,
    full_disk,
    network_partition,
)
from tests.prove.faults.messages import duplicates, poison, publication
from tests.prove.faults.workers import sigkill, sigterm, workers_join_and_leave, zombie
from tests.prove.world import World

Fault: TypeAlias = Callable[[World], Awaitable[bool]]

FAULTS: Mapping[str, Fault] = {
    fault.__name__.replace("_", " "): fault
    for fault in (
        sigkill,
        sigterm,
        zombie,
        workers_join_and_leave,
        broker_restart,
        broker_loss,
        database_restart,
        network_partition,
        full_disk,
        duplicates,
        poison,
        publication,
    )
}
