# SPDX-License-Identifier: Apache-2.0
"""Passes connections on, as a process of its own: ``python -m tests.prove.forward FROM=TO...``.

An end is ``host:port``, or the path of a Unix socket where it begins with a slash. It says so on
standard output once it listens, and ends when its standard input does, so that it never outlives
whoever started it.
"""

import asyncio
import sys
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from functools import partial

import uvloop

LISTENS = "listens"
_AT_ONCE = 2**16
_open: set["asyncio.Task[None] | None"] = set()
"""The loop itself holds its tasks so weakly that one may vanish with its connection half open."""


async def main(routes: list[str]) -> None:
    for route in routes:
        here, _, there = route.partition("=")
        host, _, port = here.rpartition(":")
        await asyncio.start_server(partial(_pass_on, there), host, int(port))
    sys.stdout.write(f"{LISTENS}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


async def _pass_on(there: str, reader: StreamReader, writer: StreamWriter) -> None:
    task = asyncio.current_task()
    _open.add(task)
    try:
        await _both_ways(there, reader, writer)
    finally:
        _open.discard(task)


async def _both_ways(there: str, reader: StreamReader, writer: StreamWriter) -> None:
    try:
        far_reader, far_writer = await _connect(there)
    except OSError:
        writer.transport.abort()
        return
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(reader, far_writer))
            both.create_task(_copy(far_reader, writer))
    except* OSError:
        # One end was reset, and the other has to learn of it in the same way.
        writer.transport.abort()
        far_writer.transport.abort()
    finally:
        writer.close()
        far_writer.close()


async def _connect(there: str) -> tuple[StreamReader, StreamWriter]:
    if there.startswith("/"):
        return await asyncio.open_unix_connection(there)
    host, _, port = there.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _copy(source: StreamReader, sink: StreamWriter) -> None:
    while block := await source.read(_AT_ONCE):
        sink.write(block)
        await sink.drain()
    if not sink.is_closing():
        sink.write_eof()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        uvloop.run(main(sys.argv[1:]))
