# SPDX-License-Identifier: Apache-2.0
"""Another institution, known to a server over mutual TLS and told under bases for every learner."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import asyncpg
import grpc

from cairn.client.partners import open_partners
from cairn.client.sharing import open_sharing
from cairn.records.v1.record_service_pb2 import GetLearnerRecordRequest
from cairn.records.v1.record_service_pb2_grpc import RecordServiceStub
from deploy.local.provision import Provisioned
from tests.certificates import Authority, Issued

if TYPE_CHECKING:
    from cairn.records.v1.record_service_pb2_grpc import RecordServiceAsyncStub

SOUTH = "spiffe://south.example/admissions"
PURPOSE = "admission"
RIGHT = "gdpr_public_task"
PATIENCE = 30.0
# Channels of one process share their connections otherwise, and repeat what is answered UNAVAILABLE.
_APART = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """An institution that is asked for, its operator, and another one, ``south``, that asks."""

    address: str
    tenant: str
    ours: Authority
    operator: Issued
    southern: Authority

    @property
    def institution(self) -> str:
        """The institution's name."""
        return f"institutions/{self.tenant}"

    def learner(self, learner: str) -> str:
        """Return the name of a learner's record."""
        return f"{self.institution}/learners/{learner}"

    @asynccontextmanager
    async def channel(
        self, shown: Issued, host: str = "127.0.0.1", options: Sequence[tuple[str, int]] = ()
    ) -> AsyncIterator[grpc.aio.Channel]:
        """Open a connection of its own, that repeats nothing by itself."""
        credentials = shown.shown_to(self.ours).credentials
        port = self.address.rpartition(":")[2]
        options = (*_APART, *options)
        async with grpc.aio.secure_channel(f"{host}:{port}", credentials, options=options) as channel:
            yield channel

    @asynccontextmanager
    async def stubs(
        self, shown: Issued, count: int = 1, options: Sequence[tuple[str, int]] = ()
    ) -> AsyncIterator[list["RecordServiceAsyncStub"]]:
        """Open connections that are there when they are given out."""
        async with AsyncExitStack() as opened:
            one = partial(self.channel, shown, options=options)
            channels = [await opened.enter_async_context(one()) for _ in range(count)]
            async with asyncio.timeout(PATIENCE):
                for each in channels:
                    await each.channel_ready()
            yield [RecordServiceStub(each) for each in channels]

    async def meet(self, **purposes: bool) -> None:
        """Publish the partner, grant a basis for each purpose, with or without history, and wait for it."""
        tls = self.operator.shown_to(self.ours)
        document = partner("south", SOUTH, self.southern.pem.decode())
        async with open_partners(self.address, self.tenant, "anna", tls=tls) as partners:
            await partners.publish({"south": document})
        async with open_sharing(self.address, self.tenant, "anna", tls=tls) as sharing:
            await sharing.grant({name: basis(name, history=history) for name, history in purposes.items()})
        await self.known(next(iter(purposes)))

    async def known(self, purpose: str) -> None:
        """Wait until the server lets the partner in and tells it what it asks for."""
        request = GetLearnerRecordRequest(name=self.learner("nobody"), purpose=purpose)
        async with asyncio.timeout(PATIENCE):
            while True:
                async with self.channel(self.southern.client(SOUTH)) as channel:
                    try:
                        await RecordServiceStub(channel).GetLearnerRecord(request)
                    except grpc.aio.AioRpcError:
                        await asyncio.sleep(0.1)
                    else:
                        return


def partner(name: str, identity: str, authorities: str, *, version: int = 1, own: bool = False) -> str:
    """Return the document of a partner."""
    known = {"partner": name, "version": version, "name": name, "own": own, "identities": [identity]}
    return json.dumps(known | {"authorities": authorities})


def basis(purpose: str, *, history: bool = False, last_day: str = "") -> str:
    """Return the document of a basis of one purpose, for every learner."""
    today = datetime.now(UTC).date()
    return json.dumps(
        {
            "basis": purpose,
            "partner": "south",
            "purpose": purpose,
            "every_learner": True,
            "legal_basis": {"kind": RIGHT, "law": "Education Act, section 7"},
            "views": {view: ["*"] for view in ("learner_record", "entry", "entries")},
            "first_day": "2020-01-01",
            "last_day": last_day or str(today + 2 * _DAY),
            "time_zone": "UTC",
            "history": history,
        }
    )


async def looked_up(postgres: str, records: Provisioned, query: str, *values: object) -> list[asyncpg.Record]:
    """Ask the database as its administrator."""
    connection = await asyncpg.connect(postgres, database=records.database)
    try:
        return list(await connection.fetch(query, *values))
    finally:
        await connection.close()
