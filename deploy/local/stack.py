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

from cairn.brokers import Bootstrap
from deploy.local.broker import Broker
from deploy.local.certificates import Certificates
from deploy.local.database import Database
from deploy.local.keys import Keys
from deploy.local.lock import Use
from deploy.local.over_tls import OverTls
from deploy.local.progress import Steps

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where broker and database are; ``keys`` gives the roles passwords where the server wants them."""

    bootstrap: str
    admin: str = field(repr=False)
    keys: Keys | None
    over_tls: OverTls | None = None

    @property
    def brokers(self) -> Bootstrap:
        """The brokers as this process reaches them."""
        return self.bootstrap if self.over_tls is None else self.over_tls.brokers(self.bootstrap)


class Stack:
    """Broker and database while the context is open; ``folder`` holds all that is started and kept."""

    def __init__(
        self,
        folder: Path,
        *,
        steps: Steps | None = None,
        environment: Mapping[str, str] = os.environ,
        jars: Path = BUILD / "jars",
        tls: bool = False,
    ) -> None:
        """Begin; over ``tls`` everything is reached that is started here, and what is given is left aside."""
        self.folder = folder
        self._steps = steps if steps is not None else Steps(Console(stderr=True))
        self._environment = environment
        self._over_tls = OverTls(Certificates(folder / "tls")) if tls else None
        secured = None if self._over_tls is None else self._over_tls.broker(self.keys)
        door = None if self._over_tls is None else self._over_tls.database(self.keys)
        self._broker = Broker(folder / "kafka", jars, secured=secured)
        self._database = Database(folder / "postgres", door=door)
        self._uses = ExitStack()

    @property
    def keys(self) -> Keys:
        """The secrets of this installation."""
        return Keys(self.folder / "secrets")

    def __enter__(self) -> Endpoints:
        self._renew()
        try:
            with ThreadPoolExecutor(2) as pool:
                bootstrap = pool.submit(self._bootstrap)
                admin = pool.submit(self._admin)
                asks = self._over_tls is not None or bool(self._environment.get("DATABASE_URL"))
                keys = self.keys if asks else None
                return Endpoints(bootstrap.result(), admin.result(), keys, self._over_tls)
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
            address = self._broker.start()
            return address if self._over_tls is None else self._broker.door("certified")

    def _admin(self) -> str:
        given = self._environment.get("DATABASE_URL")
        if given:
            return given
        self._use("postgres", self._database.stop)
        with self._steps.step("Start PostgreSQL"):
            return self._database.start()

    def _renew(self) -> None:
        """Make certificates where there are none that hold; what shows the old ones begins anew."""
        if self._over_tls is not None and self._over_tls.certificates.make():
            self._broker.stop()
            self._database.stop()

    def _use(self, name: str, stop: Callable[[], None]) -> None:
        use = self._uses.enter_context(Use(self.folder / name / "in-use"))

        def leave() -> None:
            if use.alone():
                stop()

        self._uses.callback(leave)
