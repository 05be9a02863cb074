# SPDX-License-Identifier: Apache-2.0
"""The stages of the pipeline that can be measured alone."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cairn.topics.catalogue import (
    ASSESSMENT_REEVALUATIONS,
    COMPETENCY_EVENTS,
    DECISIONS,
    RECOGNITION_REEVALUATIONS,
)
from cairn.topics.catalogue import RESULTS as RESULTS_TOPIC
from deploy.local.layout import PARTS, Layout, Part
from tests.e2e.installation import INGEST, publish_policies, publish_rules

AIOKAFKA = ("aiokafka",)
BOTH = ("aiokafka", "faust")


@dataclass(frozen=True, slots=True)
class Stage:
    """One process: what it consumes, its name in the database, and what must be published before."""

    name: str
    part: Part
    topics: tuple[str, ...]
    application: str
    publish: Callable[[Layout], Awaitable[None]] | None = None


def _part(name: str) -> Part:
    return next(part for part in PARTS if part.name == name)


INTAKE = Stage("intake", _part("assessment-consume-intake"), (INGEST,), "intake")
RELAY = Stage("relay", _part("assessment-relay"), (), "assessment-relay")
RESULTS = Stage(
    "results",
    _part("assessment-consume-results"),
    (RESULTS_TOPIC.name, ASSESSMENT_REEVALUATIONS.name),
    "results",
    publish_policies,
)
RECOGNITION = Stage(
    "recognition",
    _part("recognition-consume"),
    (COMPETENCY_EVENTS.name, RECOGNITION_REEVALUATIONS.name),
    "recognition",
    publish_rules,
)
RECORDS = Stage("records", _part("records-consume"), (DECISIONS.name,), "records")
