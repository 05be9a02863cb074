# SPDX-License-Identifier: Apache-2.0
"""Feeds submissions through either door so that each student's arrive in their order."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

import httpx2

from cairn.client.results_http import HttpResultsPublisher
from cairn.cloudevents import to_kafka
from deploy.local.cohort.submission import SOURCE, Submission, recorded
from tests.e2e.installation import INGEST, Whole
from tests.e2e.topics import Carried

_CLIENTS = 4
_LOST = 10
_TIMEOUT = 30.0


async def through_topic(up: Whole, submissions: Iterable[Submission]) -> None:
    """Publish on the source's ingest topic, keyed by student."""
    await up.feed_recorded(INGEST, (_keyed(one) for one in submissions))


class Losing(httpx2.AsyncHTTPTransport):
    """A connection that loses every tenth answer on its way, when all has been done."""

    def __init__(self) -> None:
        super().__init__()
        self._answers = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer, or fail as a connection does that was reset."""
        response = await super().handle_async_request(request)
        self._answers += 1
        if self._answers % _LOST == 0:
            await response.aclose()
            raise httpx2.ReadError("lost", request=request)
        return response


async def through_http(up: Whole, submissions: Sequence[Submission]) -> Counter[str]:
    """Post with a client for each group of students, which repeats what is unanswered; count the receipts.

    Unanswered is also what the door has committed and the connection lost.
    """
    groups = [[one for one in submissions if int(one.student) % _CLIENTS == n] for n in range(_CLIENTS)]
    async with asyncio.TaskGroup() as posting:
        posted = [posting.create_task(_post(up, group)) for group in groups]
    return sum([await counted for counted in posted], Counter())


async def _post(up: Whole, submissions: Iterable[Submission]) -> Counter[str]:
    url = f"http://{up.installation.layout.address('assessment-http')}"
    async with httpx2.AsyncClient(base_url=url, timeout=_TIMEOUT, transport=Losing()) as client:
        publisher = HttpResultsPublisher(client, SOURCE)
        receipts = await publisher.publish([recorded(one) for one in submissions])
    return Counter(receipt.outcome for receipt in receipts)


def _keyed(submission: Submission) -> Carried:
    headers, value = to_kafka(recorded(submission))
    return Carried(submission.student.encode(), tuple(headers), value)
