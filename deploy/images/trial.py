# SPDX-License-Identifier: Apache-2.0
"""Builds every image on a base made of Debian's packages, and starts a process of one: ``make images``.

Needs root, buildah and debootstrap, but neither a container engine nor user namespaces: what runs, runs in
a chroot. BASE= names another base, one that buildah can pull or has.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build/images"
TARGETS = ("assessment", "recognition", "records", "cairn")
USER = 10001
_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
_BUILDAH = ("buildah", f"--root={FOLDER}/storage", f"--runroot={FOLDER}/run", "--storage-driver=vfs")
_OWN_BASE = "localhost/cairn-base"
_RELAY = b"/opt/cairn/venv/bin/python\0-m\0services.records\0relay\0"
# The second is what a pod is given to end.
_STARTED_SECONDS, _STOPPED_SECONDS = 20.0, 15.0


def main() -> int:
    """Build all images and start one; return 0 where it behaved."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    base = os.environ.get("BASE") or _made_base()
    for target in TARGETS:
        _build(base, target)
    _say(_run("cairn", ["cairn", "topics", "--help"]).splitlines()[1].strip())
    written = _run("records", ["sh", "-c", "id -u; touch /opt/cairn/code/x 2>&1 || true"])
    _say(f"as user {written.strip()}")
    return _try_process()


def _made_base() -> str:
    if subprocess.run([*_BUILDAH, "inspect", _OWN_BASE], capture_output=True, check=False).returncode:
        tree = FOLDER / "base"
        if not (tree / "etc/os-release").exists():
            _do(["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(tree)])
        container = _buildah("from", "scratch").strip()
        _buildah("add", "--quiet", container, str(tree), "/")
        _buildah("commit", "--quiet", container, _OWN_BASE)
        _buildah("rm", container)
    return _OWN_BASE


def _build(base: str, target: str) -> None:
    begun = time.monotonic()
    # Registries of libraries are believed by whom this machine believes.
    certificates = "--volume=/etc/ssl/certs:/etc/ssl/certs:ro"
    file = ROOT / "deploy/images/Containerfile"
    options = (f"--build-arg=BASE={base}", f"--target={target}", f"--tag=localhost/cairn-{target}")
    ignored = f"--ignorefile={file}.dockerignore"
    _buildah(
        "build", "--quiet", "--isolation=chroot", certificates, *options, ignored, f"--file={file}", str(ROOT)
    )
    _say(f"cairn-{target} built in {time.monotonic() - begun:.0f} s")


def _try_process() -> int:
    """Start a relay whose database takes its connection and says nothing: it lives, and is not ready."""
    with socket.create_server(("127.0.0.1", 0)) as database, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        where = f"127.0.0.1:{database.getsockname()[1]}"
        environment = {
            "DATABASE_URL": f"postgresql://cairn_records_relay@{where}/cairn_records",
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
            "HEALTH_PORT": str(port),
        }
        settings = [f"--env={name}={value}" for name, value in environment.items()]
        container = _buildah("from", "--pull-never", "localhost/cairn-records").strip()
        command = [*_BUILDAH, "run", "--isolation=chroot", *settings, container, "--"]
        process = subprocess.Popen([*command, "python", "-m", "services.records", "relay"])
        try:
            live, ready = _asked(port, "livez"), _asked(port, "readyz")
            pid = _relay_of(USER)
            os.kill(pid, signal.SIGTERM)
            process.wait(_STOPPED_SECONDS)
        finally:
            process.kill()
            _buildah("rm", container)
    _say(f"/livez {live}, /readyz {ready}, as user {USER}, gone after SIGTERM")
    return 0 if (live, ready) == (200, 503) else 1


def _asked(port: int, path: str) -> int:
    deadline = time.monotonic() + _STARTED_SECONDS
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/{path}", timeout=2) as answer:
                json.load(answer)
                return int(answer.status)
        except HTTPError as error:
            return error.code
        except URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _relay_of(user: int) -> int:
    """Return the id of the one process of this user that is a relay, and not what started it."""
    found = [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdecimal()
        and folder.stat().st_uid == user
        and (folder / "cmdline").read_bytes() == _RELAY
    ]
    (only,) = found
    return only


def _run(target: str, command: Sequence[str]) -> str:
    container = _buildah("from", "--pull-never", f"localhost/cairn-{target}").strip()
    try:
        return _buildah("run", "--isolation=chroot", container, "--", *command)
    finally:
        _buildah("rm", container)


def _buildah(*arguments: str) -> str:
    return _do([*_BUILDAH, *arguments])


def _do(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
