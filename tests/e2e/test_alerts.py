# SPDX-License-Identifier: Apache-2.0
"""Conditions that operators are told of are brought about: the alert fires, and clears once it is mended."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cairn.client.errors import CallError
from cairn.client.operations import open_operations
from cairn.client.records import open_records
from cairn.client.tls import Tls
from cairn.ids import LearnerId, TenantId, topic_key
from chassis.unit.breaker import MOST_BUGS
from deploy.local.bring_up import Wiring
from deploy.local.broker import Broker
from deploy.local.cohort.submission import TENANT, Submission, recorded
from deploy.local.processes import Service
from deploy.local.stack import BUILD, Endpoints
from tests.certificates import Authority, write_server_files
from tests.e2e.feeds import through_http
from tests.e2e.installation import Whole, whole
from tests.e2e.looking_often import look_often
from tests.e2e.prometheus import Prometheus, watching
from tests.e2e.topics import Carried
from tests.prove.discarding import discard_all

_OPERATOR = "spiffe://example.edu/registry"
_FIRES, _CLEARS = 60.0, 90.0
_DAY = timedelta(days=1)
Fires = list[tuple[str, dict[str, str]]]


class Doors:
    """The authorities of a server that is reached over TLS, and what it shows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ours, self._theirs = Authority("servers"), Authority("operators")
        folder.mkdir(parents=True, exist_ok=True)
        self.show(ends_in=_DAY)

    def show(self, *, ends_in: timedelta) -> None:
        """Show a certificate from now on that began thirty days ago."""
        issued = self._ours.server(since=-30 * _DAY, until=ends_in)
        self._files = write_server_files(self._folder, issued, self._theirs.pem)

    def over_tls(self, service: Service) -> Service:
        """Return records' server as one that asks for certificates; any other process as it is."""
        if service.name != "records-serve":
            return service
        certificate, key, trust = map(str, self._files)
        settings = {
            "TLS_CERTIFICATE_FILE": certificate,
            "TLS_KEY_FILE": key,
            "TLS_TRUST_FILE": trust,
            "OPERATOR_IDENTITIES": json.dumps([_OPERATOR]),
        }
        return replace(service, environment={**service.environment, **settings})

    def stranger(self) -> Tls:
        """Return what somebody shows who is no operator."""
        return self._theirs.client(f"{_OPERATOR}/other").shown_to(self._ours)


@pytest.mark.timeout(600)
async def test_each_fires_and_clears(
    endpoints: Endpoints, folder: Path, submissions: list[Submission]
) -> None:
    doors = Doors(folder / "doors")
    wiring = Wiring(service=lambda service: look_often(doors.over_tls(service)))
    some = [[one for one in submissions if int(one.student) % 600 == number] for number in range(4)]
    async with (
        whole(endpoints, folder, wiring=wiring) as up,
        watching(up.installation.layout, folder / "prometheus") as prometheus,
    ):
        await _certificate(prometheus, doors)
        await up.feed(recorded(one) for one in some[0])
        await _bugs_and_strangers(prometheus, up, doors)
        await _processes(prometheus, up, some[1], some[2])
        await _broker(prometheus, up, folder, some[3])


async def _certificate(prometheus: Prometheus, doors: Doors) -> None:
    fires: Fires = [
        (
            "CairnCertificateEnds",
            {"process": "serve", "service": "records", "setting": "TLS_CERTIFICATE_FILE"},
        )
    ]
    await prometheus.until(fires, clear=False, within=_FIRES)
    doors.show(ends_in=30 * _DAY)
    await prometheus.until(fires, clear=True, within=_CLEARS)


async def _bugs_and_strangers(prometheus: Prometheus, up: Whole, doors: Doors) -> None:
    """Publish twenty records that halt results, and one that holds up a learner at recognition."""
    fires: Fires = [
        ("CairnBreakerOpen", {"consumer": "results"}),
        ("CairnLearnersParked", {"consumer": "recognition"}),
        ("CairnDeadLetters", {"consumer": "recognition"}),
        ("CairnCallsRefused", {"service": "records"}),
    ]
    learners = [LearnerId(f"learner-{number}") for number in range(MOST_BUGS)]
    await up.feed_recorded("competency.events.v1", [_poison(learners[0])])
    await up.feed_recorded("assessment.results.v1", map(_poison, learners))
    async with _asking(up.installation.layout.address("records-grpc"), doors.stranger()):
        await prometheus.until(fires, clear=False, within=_FIRES)
    async with open_operations(up.installation.layout.address("assessment-grpc"), "anna") as assessment:
        assert await assessment.resume("results")
        assert await discard_all(assessment, _CLEARS) == 0
    async with open_operations(up.installation.layout.address("recognition-grpc"), "anna") as recognition:
        assert await discard_all(recognition, _CLEARS) == 0
    await prometheus.until(fires, clear=True, within=_CLEARS)


async def _processes(
    prometheus: Prometheus, up: Whole, some: list[Submission], more: list[Submission]
) -> None:
    """End two processes of records, so that what only they do waits; pause intake while results come."""
    down = ("records-relay", "records-schedule")
    fires: Fires = [
        *(("CairnProcessDown", {"instance": name}) for name in down),
        ("CairnRelayStale", {"service": "records"}),
        ("CairnEntriesWithoutPosition", {"service": "records"}),
        ("CairnConsumerPaused", {"consumer": "intake"}),
        ("CairnConsumerBehind", {"consumer": "intake"}),
    ]
    killed = [up.installation.processes.kill(name) for name in down]
    await up.feed(recorded(one) for one in some)
    await prometheus.until([fires[2], fires[3]], clear=False, within=_FIRES)
    async with open_operations(up.installation.layout.address("assessment-grpc"), "anna") as assessment:
        assert await assessment.pause_consumer("intake")
        await up.feed(recorded(one) for one in more)
        await prometheus.until(fires, clear=False, within=_FIRES)
        assert await assessment.resume("intake")
    up.installation.processes.start(killed)
    await prometheus.until(fires, clear=True, within=_CLEARS)


async def _broker(prometheus: Prometheus, up: Whole, folder: Path, some: list[Submission]) -> None:
    """Stop the broker while the HTTP door goes on: what that has stored cannot be published."""
    fires: Fires = [
        *(
            ("CairnBrokerSilent", {"consumer": name})
            for name in ("intake", "results", "recognition", "records")
        ),
        ("CairnNotReady", {"service": "assessment", "process": "relay", "condition": "relay/0-of-1"}),
    ]
    broker = Broker(folder / "kafka", BUILD / "jars")
    await asyncio.to_thread(broker.stop)
    try:
        await through_http(up, some)
        await prometheus.until(fires, clear=False, within=_FIRES)
    finally:
        assert await asyncio.to_thread(broker.start) == up.bootstrap
    await prometheus.until(fires, clear=True, within=_CLEARS)


def _poison(learner: LearnerId) -> Carried:
    return Carried(topic_key(TenantId(TENANT), learner), (), b"\x00poison")


@asynccontextmanager
async def _asking(address: str, tls: Tls) -> AsyncIterator[None]:
    """Ask for records again and again, as somebody who may not, while the block lasts."""

    async def ask() -> None:
        async with open_records(address, TENANT, tls=tls) as records:
            while True:
                with suppress(CallError):
                    await records.record("anybody")
                await asyncio.sleep(0.1)

    asking = asyncio.create_task(ask())
    try:
        yield
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
