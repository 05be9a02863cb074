# SPDX-License-Identifier: Apache-2.0
"""The load on a gRPC method: ghz, built from its source at a pinned version, and what it measured."""

import asyncio
import json
import os
import shutil
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorSet

from deploy.local.stack import BUILD

VERSION = "0.120.0"
CALLERS = 20
_MODULE = f"github.com/bojand/ghz/cmd/ghz@v{VERSION}"
_FOLDER = BUILD / f"ghz-{VERSION}"
_PROTOSETS = BUILD / "bench" / "protosets"
_PERCENTILES = {50: "p50", 95: "p95", 99: "p99"}
_NANOSECONDS_PER_MS = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many calls were answered, how many a second, and in how many milliseconds."""

    calls: int
    per_second: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Shown:
    """The files of what a caller shows over TLS, and of the authority that it believes."""

    certificate: Path
    key: Path
    believed: Path


@dataclass(frozen=True, slots=True)
class Ghz:
    """A method that is called by ``CALLERS`` at once, each without a pause."""

    program: Path
    protoset: Path
    method: str
    request: Mapping[str, str]
    shown: Shown | None

    async def load(self, address: str, seconds: float) -> Load:
        """Call for so many seconds; raise where one call was not answered with OK."""
        told = await _output(
            *(str(self.program), *self._way(), "--protoset", str(self.protoset), "--call", self.method),
            *("--data", json.dumps(self.request), "--concurrency", str(CALLERS)),
            # What is under way at the end is waited for, and not counted as cancelled.
            *("--duration", f"{seconds}s", "--duration-stop", "wait", "--format", "json", address),
            # The load has the same cores, and spends a tenth less on its own garbage.
            environment={"GOGC": "400"},
        )
        return _load(json.loads(told))

    def _way(self) -> tuple[str, ...]:
        if self.shown is None:
            return ("--insecure",)
        files = self.shown.certificate, self.shown.key, self.shown.believed
        return tuple(chain(*zip(("--cert", "--key", "--cacert"), map(str, files), strict=True)))


async def ghz(
    method: MethodDescriptor, request: Mapping[str, str], *, decoding: bool, shown: Shown | None = None
) -> Ghz:
    """Return the load on a method; the first use builds ghz, which takes minutes.

    Without decoding, ghz is told that the answer has no fields: it reads the whole of it, and keeps
    the bytes as they came instead of building a message of them by reflection.
    """
    program = _FOLDER / "ghz"
    if not program.exists():
        if shutil.which("go") is None:
            raise RuntimeError("ghz is built with Go: install it (https://go.dev/dl) and begin again")
        await _output("go", "install", _MODULE, environment={"GOBIN": str(_FOLDER)})
    described = _described(method.containing_service.file)
    if not decoding:
        _take_fields(described, method.output_type)
    protoset = _PROTOSETS / f"{method.name}-{'decoded' if decoding else 'bytes'}.binpb"
    protoset.parent.mkdir(parents=True, exist_ok=True)
    protoset.write_bytes(described.SerializeToString())
    return Ghz(program, protoset, f"{method.containing_service.full_name}.{method.name}", request, shown)


def _described(file: FileDescriptor) -> FileDescriptorSet:
    """Return a file behind everything that it imports."""
    described, seen = FileDescriptorSet(), set[str]()

    def add(one: FileDescriptor) -> None:
        if one.name not in seen:
            seen.add(one.name)
            for imported in one.dependencies:
                add(imported)
            one.CopyToProto(described.file.add())

    add(file)
    return described


def _take_fields(described: FileDescriptorSet, message: Descriptor) -> None:
    for file in described.file:
        for one in file.message_type:
            if (file.package, one.name) == (message.file.package, message.name):
                one.CopyFrom(DescriptorProto(name=one.name))


def _load(told: Mapping[str, Any]) -> Load:
    answers = told["statusCodeDistribution"]
    if set(answers) != {"OK"}:
        message = f"calls were answered with {answers}: {told.get('errorDistribution')}"
        raise AssertionError(message)
    spread = {
        _PERCENTILES[each["percentage"]]: each["latency"] / _NANOSECONDS_PER_MS
        for each in told["latencyDistribution"]
        if each["percentage"] in _PERCENTILES
    }
    return Load(calls=told["count"], per_second=told["rps"], **spread)


async def _output(*command: str, environment: Mapping[str, str] | None = None) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **(environment or {})}, stdout=PIPE, stderr=PIPE
    )
    out, said = await process.communicate()
    if process.returncode:
        message = f"{Path(command[0]).name} ended with {process.returncode}: {said.decode()[-2000:]}"
        raise RuntimeError(message)
    return out
