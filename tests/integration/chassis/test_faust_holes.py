# SPDX-License-Identifier: Apache-2.0
"""A record that Faust does not hand over ends its consumer, and is not behind it when it begins anew."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from chassis.errors import Conflict
from chassis.streams.faust_transport import Consumer
from tests.integration.chassis.probe.feed import feed, result
from tests.integration.chassis.probe.running import (
    Probe,
    consuming,
    counts,
    ends_by_itself,
    eventually,
    histories,
)

RECORDS = 60


@pytest.mark.parametrize(
    ("passed_over", "found"),
    [(5, "the records 5 to 5 were not delivered"), (0, "begins at 1, above the stored")],
)
async def test_what_is_passed_over_is_folded_by_the_next_process(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, passed_over: int, found: str
) -> None:
    getmany = Consumer.getmany

    async def leaving_out(self: Consumer, timeout: float) -> AsyncIterator[Any]:  # noqa: ASYNC109 - as overridden
        async for place, message in getmany(self, timeout):
            if message.offset != passed_over:
                yield place, message

    await feed(probe.bootstrap, probe.topic, [result(number, f"l{number % 4}") for number in range(RECORDS)])
    with monkeypatch.context() as patched:
        patched.setattr(Consumer, "getmany", leaving_out)
        with pytest.raises(Conflict, match=found):
            await ends_by_itself(probe, "faust")
    async with consuming(probe, "faust"):
        await eventually(lambda: _applied(probe))
    assert sum(history.count(".") for history in (await histories(probe)).values()) == RECORDS


async def _applied(probe: Probe) -> bool:
    return (await counts(probe))["applied"] == RECORDS
