# SPDX-License-Identifier: Apache-2.0
"""The processes of an installation: what each runs, as which role, and with which settings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cairn.brokers import Bootstrap
from cairn.client.tls import Tls
from deploy.local import ports
from deploy.local.keys import Keys
from deploy.local.over_tls import OverTls
from deploy.local.processes import Service
from deploy.local.provision import Provisioned
from deploy.local.sources import SOURCES_SETTING

SERVICES = ("assessment", "recognition", "records")
# Where the command looks unless it is told otherwise; only one installation of a machine can be there.
DOORS = {
    "assessment-http": 7400,
    "assessment-grpc": 7401,
    "recognition-grpc": 7402,
    "records-grpc": 7403,
}
# The shortest that Cairn takes: the partitions of a consumer that was killed wait for it.
SESSION_SECONDS = 6


@dataclass(frozen=True, slots=True)
class Part:
    """One process: the service's command and the database role that it works under."""

    service: str
    command: tuple[str, ...]
    role: str

    @property
    def name(self) -> str:
        """The name of the process and of its log."""
        return "-".join((self.service, *self.command))


PARTS = (
    Part("assessment", ("serve",), "serve"),
    Part("assessment", ("consume", "intake"), "consume"),
    Part("assessment", ("consume", "results"), "consume"),
    Part("assessment", ("relay",), "relay"),
    Part("assessment", ("schedule",), "schedule"),
    Part("recognition", ("serve",), "serve"),
    Part("recognition", ("consume",), "consume"),
    Part("recognition", ("relay",), "relay"),
    Part("recognition", ("schedule",), "schedule"),
    Part("records", ("serve",), "serve"),
    Part("records", ("consume",), "consume"),
    Part("records", ("relay",), "relay"),
    Part("records", ("schedule",), "schedule"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Everything that the settings of the processes follow from."""

    bootstrap: str
    databases: Mapping[str, Provisioned]
    doors: Mapping[str, int]
    health: Mapping[str, int]
    keys: Keys
    shared: Mapping[str, str]
    """Settings of every process, such as the log level or a collector's endpoint."""
    over_tls: OverTls | None = None

    @property
    def brokers(self) -> Bootstrap:
        """The brokers as this process reaches them."""
        return self.bootstrap if self.over_tls is None else self.over_tls.brokers(self.bootstrap)

    @property
    def tls(self) -> Tls | None:
        """What an operator shows at the doors; None where they are in the clear."""
        return None if self.over_tls is None else self.over_tls.tls

    def services(self) -> Iterator[Service]:
        """Yield every process with its settings."""
        for part in PARTS:
            environment = {
                **self.shared,
                **self._settings(part),
                "DATABASE_URL": self.databases[part.service].dsns[part.role],
                "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
                "KAFKA_SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
                **self._over_tls(part),
            }
            yield Service(
                name=part.name,
                command=(f"services.{part.service}", *part.command),
                health_port=self.health[part.name],
                environment=environment,
            )

    def address(self, door: str) -> str:
        """Return host and port of a door, such as ``records-grpc``."""
        return f"{ports.LOOPBACK}:{self.doors[door]}"

    def _over_tls(self, part: Part) -> dict[str, str]:
        if self.over_tls is None:
            return {}
        door = self.over_tls.of_a_server() if part.command == ("serve",) else {}
        return {**self.over_tls.of_every_process(), **door}

    def _settings(self, part: Part) -> dict[str, str]:
        match part.service:
            case "assessment":
                return {
                    "ASSESSMENT_SOURCES": SOURCES_SETTING,
                    "CAIRN_IDENTITY_KEY": self.keys.key("identity"),
                    "ASSESSMENT_MASTER_KEY": self.keys.key("assessment-master"),
                    "ASSESSMENT_HTTP_PORT": str(self.doors["assessment-http"]),
                    "ASSESSMENT_GRPC_PORT": str(self.doors["assessment-grpc"]),
                }
            case "recognition":
                return {
                    "RECOGNITION_GRPC_PORT": str(self.doors["recognition-grpc"]),
                    # Thinking dominates there, and Faust is what it runs under (design section 4).
                    "RUNNER": "faust",
                }
            case _:
                return {
                    "RECORDS_GRPC_PORT": str(self.doors["records-grpc"]),
                    "RECORDS_PAGE_TOKEN_SECRET": self.keys.key("records-page-token"),
                }


def choose_ports(folder: Path, wished: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Return the ports of the doors and of the processes' health, the same ones every time if free."""
    names = [part.name for part in PARTS]
    chosen = ports.choose(folder / "ports.json", {**dict.fromkeys((*DOORS, *names), 0), **wished})
    return {door: chosen[door] for door in DOORS}, {name: chosen[name] for name in names}
