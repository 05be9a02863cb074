# SPDX-License-Identifier: Apache-2.0
"""Posting a part of a story at the HTTP door, as clients that repeat what was not answered."""

import asyncio
from collections.abc import Sequence
from zlib import crc32

import httpx2
import stamina

from cairn.client.errors import CallError
from cairn.client.results_http import HttpResultsPublisher
from cairn.cloudevents import CloudEvent
from deploy.local.cohort.submission import SOURCE
from tests.prove.feeding import student_of
from tests.prove.ground import Ground

_CLIENTS = 4
_AT_ONCE = 20


async def post(ground: Ground, events: Sequence[CloudEvent]) -> None:
    """Post as a few clients, each learner's events through one of them, until every one is answered."""
    groups: list[list[CloudEvent]] = [[] for _ in range(_CLIENTS)]
    for event in events:
        groups[crc32(student_of(event).encode()) % _CLIENTS].append(event)
    async with asyncio.TaskGroup() as posting:
        for group in groups:
            posting.create_task(_post_group(ground, group))


async def _post_group(ground: Ground, events: Sequence[CloudEvent]) -> None:
    url = f"http://{ground.up.installation.layout.address('assessment-http')}"
    async with httpx2.AsyncClient(base_url=url, timeout=30.0) as client:
        publisher = HttpResultsPublisher(client, SOURCE)
        for start in range(0, len(events), _AT_ONCE):
            await _insist(publisher, events[start : start + _AT_ONCE])


async def _insist(publisher: HttpResultsPublisher, events: Sequence[CloudEvent]) -> None:
    async for attempt in stamina.retry_context(on=CallError, attempts=None, timeout=60, wait_max=1.0):
        with attempt:
            await publisher.publish(events)
