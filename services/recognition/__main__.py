# SPDX-License-Identifier: Apache-2.0
"""The processes of recognition: ``python -m services.recognition serve | consume | relay | migrate``."""

import sys
from functools import partial

from chassis.errors import Reject
from chassis.lifecycle import migrate, refuse, run
from chassis.settings import ProcessSettings, ServiceSettings, load
from services.recognition import bootstrap
from services.recognition.settings import ConsumeSettings, ServeSettings

USAGE = "usage: python -m services.recognition serve | consume | relay | migrate"
SERVICE = bootstrap.SERVICE


def main(arguments: list[str]) -> int:
    """Run one process until it is asked to stop; return its exit code."""
    try:
        match arguments:
            case ["serve"]:
                serving = load(ServeSettings)
                return run(SERVICE, "serve", serving, partial(bootstrap.assemble_serve, settings=serving))
            case ["consume"]:
                deciding = load(ConsumeSettings)
                return run(
                    SERVICE, "consume", deciding, partial(bootstrap.assemble_consume, settings=deciding)
                )
            case ["relay"]:
                relaying = load(ServiceSettings)
                return run(SERVICE, "relay", relaying, partial(bootstrap.assemble_publish, settings=relaying))
            case ["migrate"]:
                return migrate(load(ProcessSettings), SERVICE, bootstrap.MIGRATIONS)
            case _:
                return refuse(Reject(USAGE))
    except Reject as error:
        return refuse(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
