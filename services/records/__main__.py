# SPDX-License-Identifier: Apache-2.0
"""The processes of records: ``python -m services.records serve | consume | relay | schedule | migrate``."""

import sys
from collections.abc import Awaitable, Callable
from functools import partial

from chassis.errors import Reject
from chassis.lifecycle import Process, migrate, refuse, run
from chassis.rpc.listening import read_listening
from chassis.settings import ProcessSettings, ServiceSettings, load
from services.records import bootstrap
from services.records.settings import ServeSettings

USAGE = "usage: python -m services.records serve | consume | relay | schedule | migrate"


_STAYING: dict[str, Callable[[Process, ServiceSettings], Awaitable[None]]] = {
    "consume": bootstrap.assemble_consume,
    "relay": bootstrap.assemble_publish,
    "schedule": bootstrap.assemble_schedule,
}


def main(arguments: list[str]) -> int:
    """Run one process until it is asked to stop; return its exit code."""
    try:
        match arguments:
            case ["serve"]:
                serving = load(ServeSettings)
                serve = partial(bootstrap.assemble_serve, settings=serving, listening=read_listening(serving))
                return run("records", "serve", serving, serve)
            case ["consume" | "relay" | "schedule" as name]:
                settings, assemble = load(ServiceSettings), _STAYING[name]
                return run("records", name, settings, lambda process: assemble(process, settings))
            case ["migrate"]:
                return migrate(load(ProcessSettings), bootstrap.SERVICE, bootstrap.MIGRATIONS)
            case _:
                return refuse(Reject(USAGE))
    except Reject as error:
        return refuse(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
