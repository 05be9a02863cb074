# SPDX-License-Identifier: Apache-2.0
"""Feeds submissions through either door so that each student's arrive in their order."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

from cairn.client.results_http import open_http_results
from cairn.cloudevents import to_kafka
from deploy.local.cohort.submission import SOURCE, Submission, recorded
from tests.e2e.installation import INGEST, Whole
from tests.e2e.topics import Carried

_CLIENTS = 4


async def through_topic(up: Whole, submissions: Iterable[Submission]) -> None:
    """Publish on the source's ingest topic, keyed by student."""
    await up.feed_recorded(INGEST, (_keyed(one) for one in submissions))


async def through_http(up: Whole, submissions: Sequence[Submission]) -> Counter[str]:
    """Post with one client for each group of students, which repeats what is unanswered; count receipts."""
    groups = [[one for one in submissions if int(one.student) % _CLIENTS == n] for n in range(_CLIENTS)]
    async with asyncio.TaskGroup() as posting:
        posted = [posting.create_task(_post(up, group)) for group in groups]
    return sum([await counted for counted in posted], Counter())


async def _post(up: Whole, submissions: Iterable[Submission]) -> Counter[str]:
    async with open_http_results(up.installation.layout.address("assessment-http"), SOURCE) as publisher:
        receipts = await publisher.publish([recorded(one) for one in submissions])
    return Counter(receipt.outcome for receipt in receipts)


def _keyed(submission: Submission) -> Carried:
    headers, value = to_kafka(recorded(submission))
    return Carried(submission.student.encode(), tuple(headers), value)
