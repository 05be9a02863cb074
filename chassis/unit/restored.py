# SPDX-License-Identifier: Apache-2.0
"""Names a database that stands before what it has held already: somebody has put back an earlier copy."""

import structlog

from chassis.streams.message import Offsets

log = structlog.get_logger()


def tell_restored(consumer: str, stored: Offsets, known: Offsets) -> None:
    """Say of each partition whose stored progress lies before what is known of it that it is done again.

    ``known`` is what this process has committed itself, or what Kafka has of its group.
    """
    for at, offset in sorted(known.items()):
        if stored.get(at, offset) < offset:
            log.warning(
                "database restored",
                consumer=consumer,
                topic=at.topic,
                partition=at.number,
                progress=stored[at],
                before=offset,
                remedy="nothing to do: what came since is done again. Who reads the record by position begins"
                " anew at 0",
            )
