# SPDX-License-Identifier: Apache-2.0
"""All of Cairn works under the rights at Kafka that the manifests give its processes, and under no others."""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.protocol.admin import CreateAclsRequest
from rich.console import Console

from cairn.brokers import Brokers, Login, connection
from cairn.client.results_kafka import open_kafka_results
from cairn.ids import TenantId
from deploy.kubernetes.access import accesses
from deploy.kubernetes.kafka import files
from deploy.local.bring_up import Wiring, installed
from deploy.local.broker import Broker
from deploy.local.cohort import generated
from deploy.local.cohort.submission import SOURCE, TENANT, recorded
from deploy.local.database import Database
from deploy.local.processes import Service
from deploy.local.progress import Steps
from deploy.local.secured import Secured
from deploy.local.stack import BUILD, Endpoints
from deploy.local.topics import make_topics
from services.assessment.app.sources import Source
from tests.certificates import Authority
from tests.e2e.installation import INGEST, publish_policies, publish_rules
from tests.e2e.quiet import wait_until_quiet
from tests.e2e.state import read_state

SOURCES = (Source(name=SOURCE, tenant=TenantId(TENANT)),)
USERS = {each["metadata"]["name"]: each["spec"] for each in yaml.safe_load_all(files(SOURCES)["users.yaml"])}
PLATFORM = f"cairn-platform-{SOURCE}"
ASKING = {access.process for access in accesses(SOURCES)}
LEARNERS = 60
# As Kafka numbers them (org.apache.kafka.common.acl and resource).
KINDS = {"topic": 2, "group": 3}
OPERATIONS = {"Read": 3, "Write": 4, "Describe": 8, "DescribeConfigs": 10}
LITERAL, ALLOW = 3, 3
_GUARDED = """\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""


@dataclass(frozen=True, slots=True)
class Guarded(Secured):
    """Doors at which only what is allowed is done; at the one in the clear a test may do all."""

    def settings(self, ports: Mapping[str, int]) -> str:
        return Secured.settings(self, ports) + _GUARDED


@dataclass(frozen=True, slots=True)
class Guard:
    """A broker that runs, whom its clients believe, and how each of them logs in."""

    broker: Broker
    bootstrap: str
    trust: Path
    passwords: Mapping[str, Path]

    def settings(self, user: str) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker.door("login"),
            "KAFKA_TLS_TRUST_FILE": str(self.trust),
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD_FILE": str(self.passwords[user]),
        }

    def service(self, service: Service) -> Service:
        """Return a process as its own user; one that asks Kafka nothing has none, and nowhere to ask."""
        name = service.name.replace("-consume-", "-")
        ways = (
            self.settings(f"cairn-{name}") if name in ASKING else {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
        )
        return replace(service, environment={**service.environment, **ways})

    async def allow(self) -> None:
        """Give each user the rules of its manifest."""
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap)
        await client.bootstrap()
        for user, spec in USERS.items():
            for rule in spec["authorization"]["acls"]:
                at = KINDS[rule["resource"]["type"]], rule["resource"]["name"], LITERAL
                for operation in rule["operations"]:
                    request = CreateAclsRequest(*at, f"User:{user}", "*", OPERATIONS[operation], ALLOW)
                    answer: Any = await client.send(client.get_random_node(), request)
                    assert answer.creation_responses[0][0] == 0, answer
        await client.close()


@pytest.fixture
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    # A broker for each test: databases that are new want topics that are.
    folder = tmp_path_factory.mktemp("guarded")
    brokers = Authority("brokers")
    shown, trust = folder / "broker.pem", folder / "brokers.pem"
    issued = brokers.server()
    shown.write_bytes(issued.key + issued.certificate)
    trust.write_bytes(brokers.pem)
    passwords = {user: folder / user for user in USERS}
    for user, path in passwords.items():
        path.write_text(f"password-of-{user}")
    secured = Guarded(shown, trust, {user: path.read_text() for user, path in passwords.items()})
    broker = Broker(folder / "kafka", BUILD / "jars", secured=secured)
    yield Guard(broker, broker.start(), trust, passwords)
    broker.stop()


def as_platform(guard: Guard) -> Brokers:
    context = ssl.create_default_context(cafile=guard.trust)
    login = Login("SCRAM-SHA-512", PLATFORM, guard.passwords[PLATFORM].read_text())
    return Brokers(guard.broker.door("login"), context, login)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("runner", ["aiokafka", "faust"])
async def test_results_become_entries(guard: Guard, runner: str, tmp_path: Path) -> None:
    database = Database(tmp_path / "postgres")
    endpoints = Endpoints(guard.bootstrap, database.start(), None)

    def service(made: Service) -> Service:
        guarded = guard.service(made)
        return replace(guarded, environment={**guarded.environment, "RUNNER": runner})

    await guard.allow()
    try:
        wiring = Wiring(service=service)
        async with installed(endpoints, tmp_path, Steps(Console(quiet=True)), wiring=wiring) as up:
            await publish_policies(up.layout)
            await publish_rules(up.layout)
            async with open_kafka_results(as_platform(guard), SOURCE) as publisher:
                await publisher.publish([recorded(each) for each in generated.submissions(LEARNERS)])
            databases = {
                service: endpoints.admin.replace("/postgres?", f"/{each.database}?")
                for service, each in up.layout.databases.items()
            }
            await wait_until_quiet(guard.bootstrap, databases, (INGEST,), 120)
            up.processes.check()
            state = await read_state(databases, TENANT)
        assert state.entries
        assert state.attainments
    finally:
        database.stop()


async def test_a_platform_may_not_write_what_intake_alone_writes(guard: Guard) -> None:
    await guard.allow()
    await make_topics(guard.bootstrap, [SOURCE])
    producer = AIOKafkaProducer(**connection(as_platform(guard)))
    await producer.start()
    try:
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait("assessment.results.v1", b"forged")
    finally:
        await producer.stop()
