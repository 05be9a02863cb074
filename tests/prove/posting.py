# SPDX-License-Identifier: Apache-2.0
"""Posting a part of a story at the HTTP door, as clients that repeat what was not answered."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from zlib import crc32

import httpx2
import stamina

from cairn.client.errors import UnavailableError
from cairn.client.results import Receipt
from cairn.client.results_http import HttpResultsPublisher
from cairn.cloudevents import CloudEvent
from deploy.local.cohort.submission import SOURCE
from tests.prove.feeding import student_of
from tests.prove.ground import Ground

_CLIENTS = 4
_AT_ONCE = 20


async def post(ground: Ground, events: Sequence[CloudEvent]) -> Counter[str]:
    """Post as a few clients, each learner's events through one of them, until every one is answered.

    Return how many answers there were of each kind.
    """
    groups: list[list[CloudEvent]] = [[] for _ in range(_CLIENTS)]
    for event in events:
        groups[crc32(student_of(event).encode()) % _CLIENTS].append(event)
    answered: Counter[str] = Counter()
    async with asyncio.TaskGroup() as posting:
        for group in groups:
            posting.create_task(_post_group(ground, group, answered))
    return answered


async def _post_group(ground: Ground, events: Sequence[CloudEvent], answered: Counter[str]) -> None:
    url = f"http://{ground.up.installation.layout.address('assessment-http')}"
    async with httpx2.AsyncClient(base_url=url, timeout=30.0) as client:
        publisher = HttpResultsPublisher(client, SOURCE)
        for start in range(0, len(events), _AT_ONCE):
            answered.update(await _insist(publisher, events[start : start + _AT_ONCE]))


async def _insist(publisher: HttpResultsPublisher, events: Sequence[CloudEvent]) -> list[str]:
    """Publish until all events are answered; return how each was."""
    receipts: list[Receipt] = []
    async for attempt in stamina.retry_context(on=UnavailableError, attempts=None, timeout=60, wait_max=1.0):
        with attempt:
            receipts = await publisher.publish(events)
    return [each.outcome for each in receipts]
