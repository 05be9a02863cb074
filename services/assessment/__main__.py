# SPDX-License-Identifier: Apache-2.0
"""The processes of assessment: ``serve | consume intake | consume results | relay | schedule | migrate``."""

import sys
from functools import partial

from chassis.errors import Reject
from chassis.lifecycle import migrate, refuse, run
from chassis.rpc.listening import read_listening
from chassis.settings import ProcessSettings, ScheduleSettings, ServiceSettings, load
from services.assessment import bootstrap
from services.assessment.adapters.http_listening import read_http_listening
from services.assessment.settings import IntakeSettings, ResultsSettings, ServeSettings

USAGE = (
    "usage: python -m services.assessment"
    " serve | consume intake | consume results | relay | schedule | migrate"
)
SERVICE = bootstrap.SERVICE


def main(arguments: list[str]) -> int:
    """Run one process until it is asked to stop; return its exit code."""
    try:
        match arguments:
            case ["migrate"]:
                return migrate(load(ProcessSettings), SERVICE, bootstrap.MIGRATIONS)
            case _:
                return _stay(arguments)
    except Reject as error:
        return refuse(error)


def _stay(arguments: list[str]) -> int:
    match arguments:
        case ["serve"]:
            doors = load(ServeSettings)
            listening = read_listening(doors)
            http = read_http_listening(doors, listening)
            serve = partial(bootstrap.assemble_serve, settings=doors, listening=listening, listens=http)
            return run(SERVICE, "serve", doors, serve)
        case ["consume", "intake"]:
            door = load(IntakeSettings)
            return run(SERVICE, "intake", door, partial(bootstrap.assemble_intake, settings=door))
        case ["consume", "results"]:
            folding = load(ResultsSettings)
            return run(SERVICE, "results", folding, partial(bootstrap.assemble_results, settings=folding))
        case ["relay"]:
            relaying = load(ServiceSettings)
            return run(SERVICE, "relay", relaying, partial(bootstrap.assemble_publish, settings=relaying))
        case ["schedule"]:
            telling = load(ScheduleSettings)
            return run(SERVICE, "schedule", telling, partial(bootstrap.assemble_schedule, settings=telling))
        case _:
            raise Reject(USAGE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
