# SPDX-License-Identifier: Apache-2.0
"""The processes of recognition: ``serve | consume | relay | schedule | migrate``."""

import sys
from functools import partial

from chassis.errors import Reject
from chassis.lifecycle import migrate, refuse, run
from chassis.rpc.listening import read_listening
from chassis.settings import ProcessSettings, ScheduleSettings, ServiceSettings, load
from services.recognition import bootstrap
from services.recognition.settings import ConsumeSettings, ServeSettings

USAGE = "usage: python -m services.recognition serve | consume | relay | schedule | migrate"
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
            serving = load(ServeSettings)
            serve = partial(bootstrap.assemble_serve, settings=serving, listening=read_listening(serving))
            return run(SERVICE, "serve", serving, serve)
        case ["consume"]:
            deciding = load(ConsumeSettings)
            return run(SERVICE, "consume", deciding, partial(bootstrap.assemble_consume, settings=deciding))
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
