# SPDX-License-Identifier: Apache-2.0
"""The consumers of an installation, each with its own handler, wired to fold outside of any process."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr, TypeAdapter

from cairn.topics.catalogue import DEFAULT_PARTITIONS
from chassis.database import Pool
from chassis.unit.outbox import Partitions
from chassis.unit.work import UnitOfWork
from deploy.local.keys import Keys
from deploy.local.sources import SOURCES_SETTING
from services.assessment.adapters.ingest import IngestDoor
from services.assessment.adapters.intake_work import IntakeWork
from services.assessment.adapters.postgres_intake import PostgresPayloads, PostgresStatements
from services.assessment.adapters.postgres_policies import PostgresPolicies
from services.assessment.adapters.postgres_results import PostgresFacts
from services.assessment.app.intake import Identifier, Intake
from services.assessment.app.payloads import Payloads
from services.assessment.app.results import Results
from services.assessment.app.sealing import MasterKey
from services.assessment.app.sources import Sources
from services.assessment.settings import key_bytes
from services.recognition.adapters.postgres_learners import PostgresLearners
from services.recognition.adapters.postgres_rules import PostgresRules
from services.recognition.app.attainments import FollowAttainments
from services.recognition.domain.plain import PlainAllocator
from services.records.adapters.postgres_ledger import PostgresLedger
from services.records.app.ledger import RecordDecisions
from tests.e2e.fixed_clock import INSTANT
from tests.e2e.installation import INGEST

_PARTITIONS = Partitions(DEFAULT_PARTITIONS, {})


@dataclass(frozen=True, slots=True)
class Consumer:
    """A consumer by its name, the topics it reads and the one it publishes on."""

    name: str
    service: str
    reads: tuple[str, ...]
    publishes: str
    work: Callable[[Pool, Keys], UnitOfWork]


def _intake(pool: Pool, keys: Keys) -> UnitOfWork:
    payloads = Payloads(PostgresPayloads(), MasterKey(_bytes(keys, "assessment-master")))
    intake = Intake(PostgresStatements(), payloads, Identifier(_bytes(keys, "identity")), lambda: INSTANT)
    sources = TypeAdapter(Sources).validate_json(SOURCES_SETTING)
    return IntakeWork(pool, IngestDoor(intake, sources), _PARTITIONS)


def _results(pool: Pool, _keys: Keys) -> UnitOfWork:
    return UnitOfWork(pool, Results(PostgresFacts(), PostgresPolicies(), {}), _PARTITIONS)


def _recognition(pool: Pool, _keys: Keys) -> UnitOfWork:
    handler = FollowAttainments(PostgresLearners(), PostgresRules(), PlainAllocator(), {})
    return UnitOfWork(pool, handler, _PARTITIONS)


def _records(pool: Pool, _keys: Keys) -> UnitOfWork:
    return UnitOfWork(pool, RecordDecisions(PostgresLedger()), _PARTITIONS)


def _bytes(keys: Keys, name: str) -> bytes:
    return key_bytes(SecretStr(keys.key(name)))


RESULTS, COMPETENCY = "assessment.results.v1", "competency.events.v1"
DECISIONS, ENTRIES = "recognition.decisions.v1", "records.entries.v1"
UPSTREAM = Consumer("intake", "assessment", (INGEST,), RESULTS, _intake)
DOWNSTREAM = (
    Consumer("results", "assessment", (RESULTS, "assessment.reevaluations.v1"), COMPETENCY, _results),
    Consumer(
        "recognition", "recognition", (COMPETENCY, "recognition.reevaluations.v1"), DECISIONS, _recognition
    ),
    Consumer("records", "records", (DECISIONS,), ENTRIES, _records),
)
CONSUMERS = (UPSTREAM, *DOWNSTREAM)
