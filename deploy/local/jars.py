# SPDX-License-Identifier: Apache-2.0
"""Fetches the broker's jars, exactly the files that ``kafka.lock`` names with their SHA-256.

jgo knows Maven's repositories; what it fetched counts only once the digest is right, so an
interrupted or altered download is fetched again and never run. ``python -m deploy.local.jars``
resolves the dependencies anew and writes the lock.
"""

import hashlib
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jgo
import requests
from jgo.maven import MavenContext, PythonResolver

from deploy.local.lock import exclusive

BROKER = "org.apache.kafka:kafka_2.13:4.1.0"
# The broker logs through SLF4J and its dependencies bring no implementation: without one it is mute.
LOGGING = "org.slf4j:slf4j-simple:1.7.36"
LOCK = Path(__file__).with_name("kafka.lock")
DOWNLOADS = 6
ATTEMPTS = 3
FETCH_SECONDS = 600

Fetched = Callable[[int, int], None]


def fetch(folder: Path, fetched: Fetched) -> list[Path]:
    """Return the jars, downloading what is missing; ``fetched`` hears (done, of) as they come in."""
    wanted = read_lock()
    context = _context(folder)
    with exclusive(folder / "lock", FETCH_SECONDS), ThreadPoolExecutor(DOWNLOADS) as pool:
        jars = []
        for jar in pool.map(lambda each: _fetch(context, *each), wanted.items()):
            jars.append(jar)
            fetched(len(jars), len(wanted))
    return jars


def read_lock() -> dict[str, str]:
    """Return the digest of each coordinate."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(" ") for line in lines if not line.startswith("#"))
    return {coordinate: digest for coordinate, _, digest in pairs}


def _fetch(context: MavenContext, coordinate: str, digest: str) -> Path:
    outcome = "nothing was tried"
    for _ in range(ATTEMPTS):
        try:
            jar = _artifact(context, coordinate)
        except requests.RequestException as error:
            outcome = type(error).__name__
            continue
        if hashlib.sha256(jar.read_bytes()).hexdigest() == digest:
            return jar
        jar.unlink()
        outcome = f"it is not the file that {LOCK.name} names"
    message = f"{coordinate} cannot be fetched: {outcome}"
    raise OSError(message)


def _artifact(context: MavenContext, coordinate: str) -> Path:
    group, name, version = coordinate.split(":")
    return context.project(group, name).at_version(version).artifact().resolve()


def _context(folder: Path) -> MavenContext:
    return MavenContext(repo_cache=folder, resolver=PythonResolver(), timeout=60)


def _relock(folder: Path) -> None:
    context = _context(folder)
    artifacts = [each for endpoint in (BROKER, LOGGING) for each in jgo.resolve(endpoint)]
    coordinates = sorted({f"{each.groupId}:{each.artifactId}:{each.version}" for each in artifacts})
    digests = (hashlib.sha256(_artifact(context, each).read_bytes()).hexdigest() for each in coordinates)
    lines = [f"{each} {digest}\n" for each, digest in zip(coordinates, digests, strict=True)]
    header = "# SPDX-License-Identifier: Apache-2.0\n# Written by python -m deploy.local.jars\n"
    LOCK.write_text(header + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        _relock(Path(scratch))
