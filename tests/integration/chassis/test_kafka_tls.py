# SPDX-License-Identifier: Apache-2.0
"""A real broker over TLS: who may come in by certificate or password does, and goes on when they change."""

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from aiokafka.errors import KafkaError

from cairn.brokers import Bootstrap, Brokers, Login
from cairn.client.results_kafka import open_kafka_results
from cairn.topics.apply import apply
from chassis.errors import Reject
from chassis.settings import ServiceSettings
from chassis.streams.brokers import read_brokers
from chassis.streams.topic_ids import read_topic_ids
from chassis.topics import read_partitions
from deploy.local.broker import Broker
from deploy.local.secured import DOORS, Secured
from deploy.local.stack import BUILD
from tests.certificates import Authority, Issued
from tests.integration.chassis.conftest import made_probe
from tests.integration.chassis.probe.feed import feed, result
from tests.integration.chassis.probe.running import RUNNERS, consuming, counts, read_all, relaying
from tests.integration.command import cairn
from tests.integration.databases import Databases

PASSWORD = "a-password-of-the-test"
SOURCE = "lms"
_MAKE = ("topics", "apply", "--partitions", "2", "--source")


@pytest.fixture(scope="module")
def brokers() -> Authority:
    """Return who vouches for brokers."""
    return Authority("brokers")


@pytest.fixture(scope="module")
def clients() -> Authority:
    """Return who vouches for the broker's clients."""
    return Authority("clients")


@pytest.fixture(scope="module")
def secured(
    tmp_path_factory: pytest.TempPathFactory, brokers: Authority, clients: Authority
) -> Iterator[Broker]:
    folder = tmp_path_factory.mktemp("secured")
    shown, believed = folder / "broker.pem", folder / "clients.pem"
    issued = brokers.server()
    shown.write_bytes(issued.key + issued.certificate)
    believed.write_bytes(clients.pem)
    broker = Broker(folder / "kafka", BUILD / "jars", secured=Secured(shown, believed, {"cairn": PASSWORD}))
    broker.start()
    yield broker
    broker.stop()


def settings(**values: Any) -> ServiceSettings:
    return ServiceSettings(
        database_url="postgresql://a@127.0.0.1/a",
        **values,
    )


class Files:
    """What a client shows and believes, in files that can change."""

    def __init__(self, folder: Path, trust: bytes, shown: Issued | None = None) -> None:
        self.paths = {name: folder / name for name in ("trust", "certificate", "key")}
        self.paths["trust"].write_bytes(trust)
        if shown is not None:
            self.show(shown)
        self._shows = shown is not None

    def show(self, issued: Issued) -> None:
        self.paths["certificate"].write_bytes(issued.certificate)
        self.paths["key"].write_bytes(issued.key)

    def settings(self, address: str) -> ServiceSettings:
        named: dict[str, Any] = {"kafka_tls_trust_file": self.paths["trust"]}
        if self._shows:
            named |= {f"kafka_tls_{name}_file": self.paths[name] for name in ("certificate", "key")}
        return settings(kafka_bootstrap_servers=address, **named)


async def let_in(bootstrap: Bootstrap) -> bool:
    """Tell whether a client is let in."""
    try:
        await apply(bootstrap, [SOURCE], partitions=2)
    except (KafkaError, ssl.SSLError, TimeoutError):
        return False
    return True


async def test_who_shows_a_certificate_is_let_in_and_nobody_else(
    secured: Broker, brokers: Authority, clients: Authority, tmp_path: Path
) -> None:
    at = secured.door("certified")
    wanted = Files(tmp_path, brokers.pem, clients.client("spiffe://example.edu/results"))
    bootstrap = read_brokers(wanted.settings(at))

    assert await let_in(bootstrap)
    found = await read_partitions(bootstrap, {f"ingest.{SOURCE}.v1"})
    assert found.of(f"ingest.{SOURCE}.v1") == 2
    assert set(await read_topic_ids(bootstrap, [f"ingest.{SOURCE}.v1"])) == {f"ingest.{SOURCE}.v1"}
    async with open_kafka_results(bootstrap, SOURCE):
        pass
    for number, (trust, shown) in enumerate(
        [
            (brokers.pem, None),
            (brokers.pem, brokers.client("spiffe://example.edu/results")),
            (clients.pem, clients.client("spiffe://example.edu/results")),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert not await let_in(read_brokers(Files(folder, trust, shown).settings(at)))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_who_has_the_password_is_let_in_and_nobody_else(
    secured: Broker, brokers: Authority, tmp_path: Path, mechanism: str
) -> None:
    trust, password = tmp_path / "trust", tmp_path / "password"
    trust.write_bytes(brokers.pem)

    def with_password(text: str) -> Bootstrap:
        password.write_text(text)
        return read_brokers(
            settings(
                kafka_bootstrap_servers=secured.door("login"),
                kafka_tls_trust_file=trust,
                kafka_sasl_mechanism=mechanism,
                kafka_sasl_username="cairn",
                kafka_sasl_password_file=password,
            )
        )

    right = with_password(f"{PASSWORD}\n")

    assert await let_in(right)
    assert PASSWORD not in repr(right)
    assert not await let_in(with_password("another"))


async def test_each_connection_is_made_with_the_files_as_they_are_then(
    secured: Broker, brokers: Authority, clients: Authority, tmp_path: Path
) -> None:
    files = Files(tmp_path, brokers.pem, brokers.client("spiffe://example.edu/results"))
    bootstrap = read_brokers(files.settings(secured.door("certified")))
    assert not await let_in(bootstrap)

    files.show(clients.client("spiffe://example.edu/results"))

    assert await let_in(bootstrap)
    files.paths["trust"].write_bytes(clients.pem)
    assert not await let_in(bootstrap)
    # What will not do is not taken: what was believed before goes on to be.
    files.paths["trust"].write_bytes(b"nothing")
    assert not await let_in(bootstrap)
    files.paths["trust"].write_bytes(brokers.pem)
    assert await let_in(bootstrap)


@pytest.mark.parametrize("runner", sorted(RUNNERS))
@pytest.mark.parametrize("door", DOORS)
async def test_a_consumer_and_a_relay_work_over_tls(
    secured: Broker,
    brokers: Authority,
    clients: Authority,
    databases: Databases,
    tmp_path: Path,
    runner: str,
    door: str,
) -> None:
    files = Files(tmp_path, brokers.pem, clients.client("spiffe://example.edu/results"))
    given = files.settings(secured.door(door))
    if door == "login":
        (tmp_path / "password").write_text(PASSWORD)
        login = {"kafka_sasl_mechanism": "SCRAM-SHA-512", "kafka_sasl_username": "cairn"}
        given = given.model_copy(update=login | {"kafka_sasl_password_file": tmp_path / "password"})
    async with made_probe(secured.start(), databases) as probe:
        await feed(probe.bootstrap, probe.topic, [result(number, f"l{number % 5}") for number in range(200)])
        over_tls = replace(probe, bootstrap=cast("str", read_brokers(given)))
        async with consuming(over_tls, runner), relaying(over_tls):
            assert len(await read_all(probe.bootstrap, probe.published, 200)) == 200
        assert (await counts(probe))["applied"] == 200


async def test_the_command_is_let_in_the_same_way(
    secured: Broker, brokers: Authority, clients: Authority, tmp_path: Path
) -> None:
    files = Files(tmp_path, brokers.pem, clients.client("spiffe://example.edu/operator"))
    named = {f"KAFKA_TLS_{name.upper()}_FILE": str(path) for name, path in files.paths.items()}
    environment = {"KAFKA_BOOTSTRAP_SERVERS": secured.door("certified")} | named

    made = await cairn(*_MAKE, f"s{uuid4().hex[:8]}", environment=environment)
    without = await cairn(
        "topics", "plan", environment=environment | {"KAFKA_TLS_KEY_FILE": str(tmp_path / "none")}
    )

    assert made[0] == 0
    assert without[0] == 2
    assert "KAFKA_TLS_CERTIFICATE_FILE" in without[2]


@pytest.mark.parametrize(
    ("changed", "setting"),
    [
        ({"kafka_tls_trust_file": None}, "KAFKA_TLS_CERTIFICATE_FILE"),
        ({"kafka_tls_key_file": None}, "KAFKA_TLS_CERTIFICATE_FILE"),
        ({"kafka_tls_trust_file": Path("/nowhere")}, "KAFKA_TLS_TRUST_FILE"),
        ({"kafka_tls_trust_file": Path("/dev/null")}, "KAFKA_TLS_TRUST_FILE"),
        ({"kafka_tls_key_file": Path("/dev/null")}, "KAFKA_TLS_CERTIFICATE_FILE"),
        ({"kafka_sasl_mechanism": "PLAIN"}, ""),
        (
            {
                "kafka_sasl_mechanism": "PLAIN",
                "kafka_sasl_username": "a",
                "kafka_sasl_password_file": Path("/nowhere"),
            },
            "KAFKA_SASL_PASSWORD_FILE",
        ),
    ],
)
async def test_what_will_not_do_is_named_by_its_setting(
    brokers: Authority, tmp_path: Path, changed: dict[str, Any], setting: str
) -> None:
    files = Files(tmp_path, brokers.pem, brokers.client("spiffe://example.edu/results"))
    given = files.settings("127.0.0.1:1").model_copy(update=changed)

    with pytest.raises(Reject) as raised:
        read_brokers(given)

    assert raised.value.field == setting


def test_a_password_is_shown_over_tls_only() -> None:

    with pytest.raises(ValueError, match="in the clear"):
        Brokers("127.0.0.1:1", login=Login("PLAIN", "a", "b"))
