# SPDX-License-Identifier: Apache-2.0
"""One trace from a platform's request to the entry of the record, on every hop a parent and a link.

What was committed while its relay was down goes on in the same trace once there is another.
"""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2
import pytest

from cairn.client.results_http import BATCH
from cairn.cloudevents.structured import write_structured
from deploy.local.cohort.submission import SOURCE, TENANT, Submission, recorded
from deploy.local.stack import Endpoints
from tests.e2e.collector import Collector, Seen, collecting
from tests.e2e.installation import Whole, whole

_RELAY = "assessment-relay"
_PUBLISHED = "send records.entries.v1"
# From the last span to the first, and in which process each is.
_HOPS = (
    (_PUBLISHED, "records.relay"),
    ("process recognition.decisions.v1", "records.consume"),
    ("send recognition.decisions.v1", "recognition.relay"),
    ("process competency.events.v1", "recognition.consume"),
    ("send competency.events.v1", "assessment.relay"),
    ("process assessment.results.v1", "assessment.results"),
    ("send assessment.results.v1", "assessment.relay"),
    ("POST /v1/sources/{source}/events", "assessment.serve"),
)
_WITHIN_SECONDS = 90.0


@pytest.mark.timeout(300)
async def test_from_request_to_entry_also_across_a_restart_of_the_relay(
    endpoints: Endpoints, folder: Path, submissions: list[Submission]
) -> None:
    some = [one for one in submissions if int(one.student) % 200 == 0]
    async with collecting() as collector:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        async with whole(endpoints, folder, settings) as up:
            processes = up.installation.processes
            killed = processes.kill(_RELAY)
            began = await _post(up, some)
            processes.start([killed])
            await processes.ready([_RELAY])
            await collector.wait_for(lambda spans: _ends(spans, began.trace) is not None, _WITHIN_SECONDS)
            await up.settle()
    _check(collector, began)


def _check(collector: Collector, began: "_Began") -> None:
    end = _ends(collector.spans, began.trace)
    assert end is not None
    hops = collector.ancestors(end)
    assert [(hop.name, hop.process) for hop in hops] == list(_HOPS)
    assert hops[-1].parent == began.span
    origin = hops[-1].span
    for hop in hops:
        if hop.name.startswith("process "):
            assert origin in hop.links
            units = [collector.spans[each].name for each in hop.links - {origin}]
            assert len(units) == 1
            assert units[0].startswith("process ")
    told = " ".join(text for each in collector.spans.values() for text in (each.name, *each.attributes))
    assert TENANT not in told
    assert SOURCE not in told
    every = [each for each in collector.spans.values() if each.trace == began.trace]
    assert {each.name for each in every} == {name for name, _ in _HOPS}


class _Began:
    """The span of the platform, which calls the door."""

    def __init__(self) -> None:
        self.trace = secrets.token_hex(16)
        self.span = secrets.token_hex(8)

    @property
    def traceparent(self) -> str:
        """The header that it sends."""
        return f"00-{self.trace}-{self.span}-01"


async def _post(up: Whole, submissions: Sequence[Submission]) -> _Began:
    began = _Began()
    url = f"http://{up.installation.layout.address('assessment-http')}/v1/sources/{SOURCE}/events"
    body = b"[" + b",".join(write_structured(recorded(one)) for one in submissions) + b"]"
    headers = {"content-type": BATCH, "traceparent": began.traceparent}
    async with httpx2.AsyncClient(timeout=60) as client:
        answer = await client.post(url, content=body, headers=headers)
    assert answer.status_code == 200, answer.text[:500]
    return began


def _ends(spans: Mapping[str, Seen], trace: str) -> Seen | None:
    return next((each for each in spans.values() if each.trace == trace and each.name == _PUBLISHED), None)
