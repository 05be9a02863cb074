# SPDX-License-Identifier: Apache-2.0
"""A process that tells twice a second what stands: ``python -m tests.e2e.looking_often services.X ...``.

No running system has this wiring.
"""

import sys
from dataclasses import replace
from importlib import import_module
from unittest.mock import patch

from chassis.operations import standing
from chassis.streams import lag
from deploy.local.bring_up import Wiring
from deploy.local.processes import Service

_SECONDS = 0.5


def look_often(service: Service) -> Service:
    """Return a process that looks often."""
    return replace(service, command=("tests.e2e.looking_often", *service.command))


OFTEN = Wiring(service=look_often)


def main(arguments: list[str]) -> int:
    """Run one process; return its exit code."""
    module, *rest = arguments
    with patch.object(standing, "_LOOK_SECONDS", _SECONDS), patch.object(lag, "_LOOK_SECONDS", _SECONDS):
        code: int = import_module(f"{module}.__main__").main(rest)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
