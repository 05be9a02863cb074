# SPDX-License-Identifier: Apache-2.0
"""Chooses free ports on loopback, the same ones again where they are still free."""

import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.local.running import write_whole

PATIENCE_SECONDS = 1.0
LOOPBACK = "127.0.0.1"


def choose(path: Path, wished: Mapping[str, int]) -> dict[str, int]:
    """Return a free port per name and remember them in a file.

    The wished port is taken if it is free, else the remembered one, else any; 0 wishes nothing.
    """
    try:
        remembered: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        remembered = {}
    chosen: dict[str, int] = {}
    for name, wish in wished.items():
        chosen[name] = _choose(wish, remembered.get(name, 0), chosen) or _free(chosen)
    write_whole(path, json.dumps({**remembered, **chosen}))
    return chosen


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _choose(wish: int, remembered: int, taken: dict[str, int]) -> int:
    """Return the wished or the remembered port, or 0 where neither is to be had."""
    if wish and wish not in taken.values() and is_free(wish):
        return wish
    return remembered if remembered and remembered not in taken.values() and _comes_free(remembered) else 0


def _comes_free(port: int) -> bool:
    # A server just killed keeps its port until the system has taken it apart.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _free(taken: dict[str, int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port not in taken.values():
            return port
