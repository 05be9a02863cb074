# SPDX-License-Identifier: Apache-2.0
"""A credential that a single result earns, so that every result of the latency load makes an entry."""

from datetime import datetime
from decimal import Decimal

from pydantic import TypeAdapter

from cairn.client.policies import open_policies
from cairn.client.rules import open_rules
from cairn.cloudevents import CloudEvent
from cairn.events.native import LearnerIdentifier, NativeResult
from cairn.events.result import ScoreRange
from deploy.local.cohort.submission import RECORDED, SOURCE_URI, TENANT
from deploy.local.layout import Layout
from deploy.local.publish import OPERATOR

CREDENTIAL = "first-steps"
_ACTIVITY = "https://open.ac.uk/assessments/first-steps"
_COMPETENCY = "https://open.ac.uk/competencies/first-steps"

_POLICY = f"""
policy: first-steps
title: One activity
competency: {_COMPETENCY}
version: 1
effective_from: 2013-01-01
method: highest
threshold: "0.40"
activities:
  - {{activity: "{_ACTIVITY}"}}
"""
_RULE = f"""
rule: first-steps
version: 1
effective_from: 2013-01-01
credential:
  id: {CREDENTIAL}
  title: First steps
  kind: micro_credential
  conferral: automatic
  credits:
    - {{amount: "1", system: cats, level: "3"}}
review: {{due_in_days: 30, addressee: registrar}}
requirement:
  id: passed
  competency: {_COMPETENCY}
"""
_PASS = ScoreRange(raw=Decimal(70), min=Decimal(0), max=Decimal(100))
_native = TypeAdapter(NativeResult)


async def publish(layout: Layout) -> None:
    """Publish the policy and the rule."""
    async with open_policies(layout.address("assessment-grpc"), TENANT, OPERATOR) as policies:
        await policies.publish({"first-steps.yaml": _POLICY})
    async with open_rules(layout.address("recognition-grpc"), TENANT, OPERATOR) as rules:
        await rules.publish({"first-steps.yaml": _RULE})


def learner(number: str) -> LearnerIdentifier:
    """Name a learner as the platform does."""
    return LearnerIdentifier(issuer="https://open.ac.uk", kind="student-number", value=number)


def passed(number: str, at: datetime) -> CloudEvent:
    """Report that a learner has passed."""
    result = NativeResult(learner=learner(number), activity=_ACTIVITY, score=_PASS, occurred_at=at, version=1)
    return CloudEvent(
        id=f"first-steps-{number}",
        source=SOURCE_URI,
        type=RECORDED,
        time=at,
        data=_native.dump_json(result, exclude_none=True),
    )
