# SPDX-License-Identifier: Apache-2.0
"""Makes the topics of a local installation, the ingest topics of its sources included."""

from collections.abc import Iterable

from cairn.brokers import Bootstrap
from cairn.topics.apply import apply


async def make_topics(bootstrap: Bootstrap, sources: Iterable[str]) -> int:
    """Make or complete the topics; return how many steps that took."""
    return len((await apply(bootstrap, sources)).steps)
