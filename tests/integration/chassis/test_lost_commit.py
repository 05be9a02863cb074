# SPDX-License-Identifier: Apache-2.0
"""A connection that is lost behind COMMIT, so that nobody here knows whether it was carried out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pytest

from tests.integration.chassis.probe.feed import feed, result
from tests.integration.chassis.probe.running import (
    RUNNERS,
    Probe,
    consuming,
    counts,
    eventually,
    histories,
    read_all,
    relaying,
)

_COMMIT = b"commit\0"
_SOCKET = ".s.PGSQL.5432"


@dataclass
class Line:
    """A forwarder to the database that can end a connection at its next COMMIT; ``carried_out`` or not."""

    there: str
    carried_out: bool | None = None
    cuts: int = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(self.there)
        answering = asyncio.create_task(_pass_on(back, writer))
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                if self.carried_out is not None and data.endswith(_COMMIT):
                    await self._cut(data, forth, answering)
                    break
                forth.write(data)
        answering.cancel()
        for end in (writer, forth):
            end.close()

    async def _cut(self, data: bytes, forth: asyncio.StreamWriter, answering: "asyncio.Task[None]") -> None:
        self.cuts += 1
        answering.cancel()
        carried_out, self.carried_out = self.carried_out, None
        if carried_out:
            forth.write(data)
            await forth.drain()
            await asyncio.sleep(0.5)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
        writer.close()


@asynccontextmanager
async def over_a_line(probe: Probe) -> AsyncIterator[tuple[Probe, Line]]:
    """Have the probe's consumer reach its database over a line of its own."""
    to = urlsplit(probe.consume)
    (folder,) = parse_qs(to.query)["host"]
    line = Line(f"{folder}/{_SOCKET}")
    with TemporaryDirectory(prefix="cairn-") as here:
        server = await asyncio.start_unix_server(line.connected, f"{here}/{_SOCKET}")
        yield replace(probe, consume=urlunsplit(to._replace(query=f"host={here}"))), line
        server.close()


@pytest.mark.parametrize("runner", sorted(RUNNERS))
@pytest.mark.parametrize("carried_out", [True, False])
async def test_what_was_perhaps_committed_takes_effect_once(
    probe: Probe, runner: str, *, carried_out: bool
) -> None:
    async with over_a_line(probe) as (over, line), consuming(over, runner), relaying(probe):
        for first in range(0, 90, 30):
            line.carried_out = carried_out
            events = [result(number, f"l{number % 3}") for number in range(first, first + 30)]
            await feed(probe.bootstrap, probe.topic, events)

            async def all_of_them(expected: int = first + 30) -> bool:
                return (await counts(probe))["applied"] == expected

            await eventually(all_of_them)
        published = await read_all(probe.bootstrap, probe.published, 90)
    assert line.cuts == 3
    assert len(published) == 90
    assert {name: count for name, count in (await counts(probe)).items() if count} == {"applied": 90}
    assert await histories(probe) == {
        f"probe-a/l{learner}": "".join(f".e{number}" for number in range(learner, 90, 3))
        for learner in range(3)
    }
