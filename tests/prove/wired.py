# SPDX-License-Identifier: Apache-2.0
"""A process of an installation that is to be proven: ``python -m tests.prove.wired services.X ARGUMENTS``.

It is the process itself, which logs besides what it applied, ends at the points of ``PROVE_PLAN``, has
the defects of ``PROVE_DEFECTS``, reads only the topics of ``PROVE_READS``, stops with work in its hands
once the file ``PROVE_STOP`` is there and has slow units while ``PROVE_SLOW`` is. Intake's clock stands,
since its instant travels with every event (design section 3). No running system has this wiring.
"""

import json
import os
import sys
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

from tests.e2e.fixed_clock import INSTANT
from tests.prove.applied import keep_log, keep_log_of_intake
from tests.prove.defects import DEFECTS
from tests.prove.passages import Passages
from tests.prove.points import BY_NAME
from tests.prove.requests import slow_down_when_asked, stop_when_asked

PLAN, MARKS, PLANTED, READS = "PROVE_PLAN", "PROVE_MARKS", "PROVE_DEFECTS", "PROVE_READS"
STOP, SLOW = "PROVE_STOP", "PROVE_SLOW"
INTAKE_ARGUMENTS = ["consume", "intake"]
_HANDLERS = {
    "services.assessment": "services.assessment.app.results:Results",
    "services.recognition": "services.recognition.app.attainments:FollowAttainments",
}


def main(arguments: list[str]) -> int:
    """Run one process with what is asked of it; return its exit code."""
    module, *rest = arguments
    if module == "services.assessment":
        _stop_the_clock()
    if rest == ["relay"]:
        _shorten_the_lease()
    if rest == INTAKE_ARGUMENTS:
        keep_log_of_intake()
    elif rest[:1] == ["consume"]:
        keep_log()
    if reads := json.loads(os.environ.get(READS, "[]")):
        _read_only(module, reads)
    for defect in json.loads(os.environ.get(PLANTED, "[]")):
        DEFECTS[defect]()
    plan = json.loads(os.environ.get(PLAN, "{}"))
    passages = Passages(plan, Path(os.environ[MARKS]), "-".join((module.removeprefix("services."), *rest)))
    for name in plan:
        BY_NAME[name].place.install(passages, name)
    if asked := os.environ.get(STOP):
        stop_when_asked(rest[0], Path(asked))
    slow_down_when_asked(rest[0], Path(os.environ[SLOW]))
    code: int = import_module(f"{module}.__main__").main(rest)
    return code


def _stop_the_clock() -> None:
    from services.assessment import bootstrap  # noqa: PLC0415 - only where it runs

    patch.object(bootstrap, "make_intake", partial(bootstrap.make_intake, clock=lambda: INSTANT)).start()


def _read_only(module: str, topics: list[str]) -> None:
    name, _, handler = _HANDLERS[module].partition(":")
    patch.object(getattr(import_module(name), handler), "topics", tuple(topics)).start()


def _shorten_the_lease() -> None:
    # A relay that is killed leaves its lease behind, and a proof would mostly wait for that.
    from chassis.relay import slot  # noqa: PLC0415 - only where it runs

    lease = timedelta(seconds=7)
    patch.multiple(slot, LEASE=lease, DELIVERY_TIMEOUT=3.0, REQUEST_TIMEOUT=2.5, _RENEW=1.0).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
