# SPDX-License-Identifier: Apache-2.0
"""The broker and the database of one installation: given by the environment, or started under ``build/``.

What already runs there is used again. The last user to leave stops what runs, so that neither of
two runs at the same time pulls the ground from under the other.
"""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from rich.console import Console

from deploy.local.broker import Broker
from deploy.local.database import Database
from deploy.local.keys import Keys
from deploy.local.lock import Use
from deploy.local.progress import Steps

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where broker and database are; ``keys`` gives the roles passwords where the server wants them."""

    bootstrap: str
    admin: str = field(repr=False)
    keys: Keys | None


class Stack:
    """Broker and database while the context is open; ``folder`` holds all that is started and kept."""

    def __init__(
        self,
        folder: Path,
        *,
        steps: Steps | None = None,
        environment: Mapping[str, str] = os.environ,
        jars: Path = BUILD / "jars",
    ) -> None:
        self.folder = folder
        self._steps = steps if steps is not None else Steps(Console(stderr=True))
        self._environment = environment
        self._broker = Broker(folder / "kafka", jars)
        self._database = Database(folder / "postgres")
        self._uses = ExitStack()

    @property
    def keys(self) -> Keys:
        """The secrets of this installation."""
        return Keys(self.folder / "secrets")

    def __enter__(self) -> Endpoints:
        try:
            with ThreadPoolExecutor(2) as pool:
                bootstrap = pool.submit(self._bootstrap)
                admin = pool.submit(self._admin)
                foreign = bool(self._environment.get("DATABASE_URL"))
                return Endpoints(bootstrap.result(), admin.result(), self.keys if foreign else None)
        except BaseException:
            self._uses.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._uses.close()

    def _bootstrap(self) -> str:
        given = self._environment.get("KAFKA_BOOTSTRAP_SERVERS")
        if given:
            return given
        self._use("kafka", self._broker.stop)
        with self._steps.step("Fetch the Kafka broker") as step:
            self._broker.fetch(step.reach)
        with self._steps.step("Start the Kafka broker"):
            return self._broker.start()

    def _admin(self) -> str:
        given = self._environment.get("DATABASE_URL")
        if given:
            return given
        self._use("postgres", self._database.stop)
        with self._steps.step("Start PostgreSQL"):
            return self._database.start()

    def _use(self, name: str, stop: Callable[[], None]) -> None:
        use = self._uses.enter_context(Use(self.folder / name / "in-use"))

        def leave() -> None:
            if use.alone():
                stop()

        self._uses.callback(leave)
