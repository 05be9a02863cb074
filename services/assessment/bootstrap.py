# SPDX-License-Identifier: Apache-2.0
"""Wires the processes of assessment: which parts each has, and with what."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cairn.assessment.v1.policy_service_pb2_grpc import add_PolicyServiceServicer_to_server
from cairn.assessment.v1.source_service_pb2_grpc import add_SourceServiceServicer_to_server
from cairn.operations.v1.operations_service_pb2_grpc import add_OperationsServiceServicer_to_server
from chassis.assembly import add_pool, assemble_consumer, assemble_relay
from chassis.database import Pool
from chassis.followed_table import FollowedTable
from chassis.lifecycle import Process
from chassis.operations.examining import Examiner
from chassis.operations.service import NAME as OPERATIONS
from chassis.operations.service import OperationsService
from chassis.operations.standing import StandingWatch
from chassis.rpc.listening import Listening
from chassis.rpc.server import RpcServer
from chassis.schedule.assembly import assemble_schedule as add_schedule
from chassis.settings import ScheduleSettings, ServiceSettings
from chassis.streams.brokers import read_brokers
from chassis.topics import read_partitions
from chassis.unit.work import UnitOfWork
from services.assessment.adapters import postgres_credentials
from services.assessment.adapters.affected import AFFECTED
from services.assessment.adapters.door import Door
from services.assessment.adapters.grpc_policies import NAME, PolicyService
from services.assessment.adapters.grpc_sources import NAME as SOURCES
from services.assessment.adapters.grpc_sources import SourceService
from services.assessment.adapters.http_door import http_application
from services.assessment.adapters.http_listening import HttpListening
from services.assessment.adapters.http_observed import Observed
from services.assessment.adapters.http_server import HttpServer
from services.assessment.adapters.ingest import IngestDoor
from services.assessment.adapters.intake_work import IntakeWork
from services.assessment.adapters.letter_replays import LetterReplays
from services.assessment.adapters.postgres_door import PostgresDoor
from services.assessment.adapters.postgres_intake import PostgresPayloads, PostgresStatements
from services.assessment.adapters.postgres_policies import PostgresPolicies
from services.assessment.adapters.postgres_results import PostgresFacts
from services.assessment.app.concluding import COMPETENCY_EVENTS
from services.assessment.app.credentials import Credentials
from services.assessment.app.intake import RESULTS, Clock, Identifier, Intake
from services.assessment.app.payloads import Payloads
from services.assessment.app.results import Results
from services.assessment.app.sealing import MasterKey
from services.assessment.settings import IntakeSettings, ResultsSettings, ServeSettings, key_bytes

SERVICE = "assessment"
MIGRATIONS = Path(__file__).parent / "migrations"


def wall_clock() -> datetime:
    """Return the present instant; intake's clock, and no other part's (I12)."""
    return datetime.now(UTC)


def make_intake(settings: IntakeSettings, clock: Clock = wall_clock) -> Intake:
    """Return the one intake of both doors."""
    payloads = Payloads(PostgresPayloads(), MasterKey(key_bytes(settings.assessment_master_key)))
    identify = Identifier(key_bytes(settings.cairn_identity_key))
    return Intake(PostgresStatements(), payloads, identify, clock)


def make_results(settings: ResultsSettings) -> Results:
    """Return the handler of results."""
    return Results(PostgresFacts(), PostgresPolicies(), settings.assessment_time_zones)


async def assemble_serve(
    process: Process, settings: ServeSettings, listening: Listening, listens: HttpListening
) -> None:
    """Open the HTTP door and answer ``cairn.assessment.v1``."""
    pool = await add_pool(process, settings, settings.database_pool_size, "assessment-serve")
    partitions = await read_partitions(read_brokers(settings), {RESULTS})
    door = Door(pool, make_intake(settings), partitions, settings.assessment_backlog)
    sources = settings.sources()
    credentials = _follow_credentials(process, pool) if listens.asks else None
    application = http_application(door, sources, credentials)
    http = HttpServer(Observed(application), listens, settings.assessment_http_port, process.health)
    services = [NAME, SOURCES, OPERATIONS]
    examiner = Examiner(pool, SERVICE, MIGRATIONS, listening.lifetime)
    server = RpcServer(services, settings.assessment_grpc_port, process.health, listening=listening)
    add_SourceServiceServicer_to_server(SourceService(pool, sources, listening.operators), server.server)
    add_PolicyServiceServicer_to_server(
        PolicyService(pool, PostgresPolicies(), listening.operators), server.server
    )
    add_OperationsServiceServicer_to_server(
        OperationsService(pool, listening.operators, examiner, PostgresDoor()), server.server
    )
    process.add("http", http.run)
    process.add("grpc", server.run)
    process.add("standing", StandingWatch(pool).run)
    if listening.tls is not None:
        process.add("certificates", listening.tls.follow)


def _follow_credentials(process: Process, pool: Pool) -> Callable[[], Credentials | None]:
    """Return what tells which credentials hold now."""
    followed = FollowedTable(
        "credentials",
        pool,
        state=postgres_credentials.state,
        read=postgres_credentials.read,
        health=process.health,
    )
    process.add("credentials", followed.run)
    return lambda: followed.held


async def assemble_intake(process: Process, settings: IntakeSettings) -> None:
    """Open the Kafka door, which reads only what is committed."""
    door = IngestDoor(make_intake(settings), settings.assessment_sources)
    pool, units = await assemble_consumer(process, settings, door, [RESULTS], IntakeWork)
    process.add("replays", LetterReplays(pool, units).run)


async def assemble_results(process: Process, settings: ResultsSettings) -> None:
    """Fold results into attainments."""
    await assemble_consumer(process, settings, make_results(settings), [COMPETENCY_EVENTS], UnitOfWork)


async def assemble_publish(process: Process, settings: ServiceSettings) -> None:
    """Relay the outbox."""
    await assemble_relay(process, settings, SERVICE)


async def assemble_schedule(process: Process, settings: ScheduleSettings) -> None:
    """Tell of timers that fall due, and of learners whom a publication can affect."""
    await add_schedule(process, settings, SERVICE, AFFECTED)
