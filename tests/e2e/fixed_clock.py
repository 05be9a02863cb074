# SPDX-License-Identifier: Apache-2.0
"""Both doors under a clock that stands: ``python -m tests.e2e.fixed_clock serve | consume intake``.

Two runs from a door can be compared only so, for intake's instant travels with every event (design
section 3). No running system has this wiring.
"""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from unittest.mock import patch

from deploy.local.bring_up import Installation
from services.assessment import __main__ as assessment
from services.assessment import bootstrap

INSTANT = datetime(2026, 1, 1, tzinfo=UTC)
DOORS = {"assessment-serve", "assessment-consume-intake"}


async def stop_the_clock(installation: Installation) -> None:
    """Replace both doors of an installation by the same ones under the fixed clock."""
    doors = [service for service in installation.layout.services() if service.name in DOORS]
    processes = installation.processes
    processes.stop(DOORS)
    processes.start([replace(door, command=("tests.e2e.fixed_clock", *door.command[1:])) for door in doors])
    await processes.ready()


def main(arguments: list[str]) -> int:
    """Run one process of assessment; return its exit code."""
    make_intake = partial(bootstrap.make_intake, clock=lambda: INSTANT)
    with patch.object(bootstrap, "make_intake", make_intake):
        return assessment.main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
