# SPDX-License-Identifier: Apache-2.0
"""A batch run whole where no runner is there: what one unit leaves is for the next."""

from collections.abc import Sequence

from chassis.streams.message import Record
from chassis.unit.work import UnitOfWork


async def run_whole(work: UnitOfWork, batch: Sequence[Record]) -> None:
    """Run a batch in as many units as it takes."""
    while batch:
        batch = (await work.run(batch)).left
