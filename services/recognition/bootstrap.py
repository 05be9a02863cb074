# SPDX-License-Identifier: Apache-2.0
"""Wires the processes of recognition: which parts each has, and with what."""

from pathlib import Path

from cairn.operations.v1.operations_service_pb2_grpc import add_OperationsServiceServicer_to_server
from cairn.recognition.v1.rule_service_pb2_grpc import add_RuleServiceServicer_to_server
from chassis.assembly import add_pool, assemble_consumer, assemble_relay
from chassis.lifecycle import Process
from chassis.operations.examining import Examiner
from chassis.operations.service import NAME as OPERATIONS
from chassis.operations.service import OperationsService
from chassis.operations.standing import StandingWatch
from chassis.rpc.listening import Listening
from chassis.rpc.server import RpcServer
from chassis.schedule.assembly import assemble_schedule as add_schedule
from chassis.settings import ScheduleSettings, ServiceSettings
from chassis.unit.work import UnitOfWork
from services.recognition.adapters.affected import AFFECTED
from services.recognition.adapters.grpc_rules import NAME, RuleService
from services.recognition.adapters.postgres_learners import PostgresLearners
from services.recognition.adapters.postgres_rules import PostgresRules
from services.recognition.app.attainments import DECISIONS, FollowAttainments
from services.recognition.domain.plain import PlainAllocator
from services.recognition.settings import ConsumeSettings, ServeSettings

SERVICE = "recognition"
MIGRATIONS = Path(__file__).parent / "migrations"


def make_handler(settings: ConsumeSettings) -> FollowAttainments:
    """Return the handler of competency events."""
    zones = settings.recognition_time_zones
    return FollowAttainments(PostgresLearners(), PostgresRules(), PlainAllocator(), zones)


async def assemble_serve(process: Process, settings: ServeSettings, listening: Listening) -> None:
    """Answer ``cairn.recognition.v1``."""
    pool = await add_pool(process, settings, settings.database_pool_size, "recognition-serve")
    examiner = Examiner(pool, SERVICE, MIGRATIONS, listening.lifetime)
    server = RpcServer(
        [NAME, OPERATIONS], settings.recognition_grpc_port, process.health, listening=listening
    )
    service = RuleService(pool, PostgresRules(), PlainAllocator(), listening.operators)
    add_RuleServiceServicer_to_server(service, server.server)
    add_OperationsServiceServicer_to_server(
        OperationsService(pool, listening.operators, examiner), server.server
    )
    process.add("grpc", server.run)
    process.add("standing", StandingWatch(pool).run)
    if listening.tls is not None:
        process.add("certificates", listening.tls.follow)


async def assemble_consume(process: Process, settings: ConsumeSettings) -> None:
    """Decide about awards whenever an attainment changes."""
    await assemble_consumer(process, settings, make_handler(settings), [DECISIONS], UnitOfWork)


async def assemble_publish(process: Process, settings: ServiceSettings) -> None:
    """Relay the outbox."""
    await assemble_relay(process, settings, SERVICE)


async def assemble_schedule(process: Process, settings: ScheduleSettings) -> None:
    """Tell of timers that fall due, and of learners whom a publication can affect."""
    await add_schedule(process, settings, SERVICE, AFFECTED)
