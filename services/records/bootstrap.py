# SPDX-License-Identifier: Apache-2.0
"""Wires the processes of records: which parts each has, and with what."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from cairn.operations.v1.operations_service_pb2_grpc import add_OperationsServiceServicer_to_server
from cairn.records.v1.partner_service_pb2_grpc import add_PartnerServiceServicer_to_server
from cairn.records.v1.record_service_pb2_grpc import add_RecordServiceServicer_to_server
from cairn.records.v1.sharing_service_pb2_grpc import add_SharingServiceServicer_to_server
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
from chassis.settings import ServiceSettings
from chassis.unit.work import UnitOfWork
from services.records.adapters.grpc_messages import written_record
from services.records.adapters.grpc_partners import NAME as PARTNERS
from services.records.adapters.grpc_partners import PartnerService
from services.records.adapters.grpc_service import NAME, RecordService
from services.records.adapters.grpc_sharing import NAME as SHARING
from services.records.adapters.grpc_sharing import SharingService
from services.records.adapters.postgres_disclosures import PostgresDisclosures
from services.records.adapters.postgres_growth import PostgresGrowth
from services.records.adapters.postgres_ledger import PostgresLedger
from services.records.adapters.postgres_partners import PostgresPartners
from services.records.adapters.postgres_positions import PostgresPositions, unpositioned
from services.records.adapters.postgres_record import PostgresRecords
from services.records.adapters.postgres_sharing import PostgresSharing
from services.records.app.authority import ByCertificate
from services.records.app.bases import Bases
from services.records.app.current_record import CurrentReader
from services.records.app.disclosure import DisclosureLog
from services.records.app.disclosures_told import DisclosuresTold
from services.records.app.ledger import ENTRIES, RecordDecisions
from services.records.app.open_watches import OpenWatches
from services.records.app.page_token import PageTokens
from services.records.app.partners import NOBODY, Partners
from services.records.app.reading import Desk, Reader
from services.records.app.sequencer import LEASE_SECONDS, Sequencer
from services.records.app.watching import Growth, Watcher
from services.records.settings import ServeSettings

SERVICE = "records"
MIGRATIONS = Path(__file__).parent / "migrations"


async def assemble_serve(process: Process, settings: ServeSettings, listening: Listening) -> None:
    """Answer ``cairn.records.v1``."""
    pool = await add_pool(process, settings, settings.database_pool_size, "records-serve")
    store, growth = PostgresRecords(pool), Growth()
    partners = PostgresPartners()
    sharing = PostgresSharing(pool, partners)
    known = _follow_partners(process, pool, partners, listening)
    authority = ByCertificate(listening.operators, known, Bases(sharing), _now)
    disclosures = PostgresDisclosures(pool)
    desk = Desk(authority, DisclosureLog(disclosures))
    tokens = PageTokens(settings.records_page_token_secret.get_secret_value().encode())
    current = CurrentReader(desk, store, written_record, _now)
    reader = Reader(desk, store, tokens, _now)
    services = [NAME, PARTNERS, SHARING, OPERATIONS]
    examiner = Examiner(pool, SERVICE, MIGRATIONS, listening.lifetime)
    server = RpcServer(services, settings.records_grpc_port, process.health, listening=listening)
    watches = OpenWatches(settings.records_watches, settings.records_watches_of_one, _now)
    told, watcher = DisclosuresTold(desk, disclosures, tokens), Watcher(desk, store, growth, watches)
    service = RecordService(desk, current, reader, watcher, told)
    add_RecordServiceServicer_to_server(service, server.server)
    partner_service = PartnerService(pool, partners, listening.operators)
    add_PartnerServiceServicer_to_server(partner_service, server.server)
    sharing_service = SharingService(pool, sharing, listening.operators, _now)
    add_SharingServiceServicer_to_server(sharing_service, server.server)
    add_OperationsServiceServicer_to_server(
        OperationsService(pool, listening.operators, examiner), server.server
    )
    listener = PostgresGrowth(settings.database_url.get_secret_value(), growth, process.health)
    process.add("grpc", server.run)
    if listening.tls is not None:
        process.add("certificates", listening.tls.follow)
    process.add("growth", listener.run)
    process.add("standing", StandingWatch(pool, unpositioned).run)


def _follow_partners(
    process: Process, pool: Pool, store: PostgresPartners, listening: Listening
) -> Callable[[], Partners | None]:
    """Return what tells who the partners are now; without TLS nobody can show who they are."""
    if listening.tls is None:
        return lambda: NOBODY
    tls = listening.tls
    followed = FollowedTable(
        "partners",
        pool,
        state=store.state,
        read=store.everywhere,
        health=process.health,
        tell=lambda partners: tls.believe(partners.bundles),
    )
    process.add("partners", followed.run)
    return lambda: followed.held


async def assemble_consume(process: Process, settings: ServiceSettings) -> None:
    """Take decisions into the ledger."""
    await assemble_consumer(process, settings, RecordDecisions(PostgresLedger()), [ENTRIES], UnitOfWork)


async def assemble_publish(process: Process, settings: ServiceSettings) -> None:
    """Relay the outbox."""
    await assemble_relay(process, settings, SERVICE)


async def assemble_schedule(process: Process, settings: ServiceSettings) -> None:
    """Give entries their positions."""
    pool = await add_pool(process, settings, 1, "records-schedule")
    positions = PostgresPositions(pool, uuid4().hex, timedelta(seconds=LEASE_SECONDS))
    process.add("sequencer", Sequencer(positions, process.health).run)


def _now() -> datetime:
    return datetime.now(UTC)
