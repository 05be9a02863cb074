# SPDX-License-Identifier: Apache-2.0
"""Publishes the example's mastery policies and recognition rules through the services' own doors."""

from collections.abc import Mapping
from pathlib import Path

from cairn.client.policies import open_policies
from cairn.client.rules import open_rules
from deploy.local.cohort.presentations import EXAMPLE
from deploy.local.cohort.submission import TENANT
from deploy.local.layout import Layout

OPERATOR = "the example"


async def publish(layout: Layout, example: Path = EXAMPLE) -> tuple[int, int]:
    """Publish all policies, then all rules; return how many there are. What stands already is left alone.

    Raises CallError naming the place of what is refused.
    """
    policies, rules = _documents(example / "policies"), _documents(example / "rules")
    async with open_policies(layout.address("assessment-grpc"), TENANT, OPERATOR, tls=layout.tls) as client:
        await client.publish(policies)
    async with open_rules(layout.address("recognition-grpc"), TENANT, OPERATOR, tls=layout.tls) as client:
        await client.publish(rules)
    return len(policies), len(rules)


def _documents(folder: Path) -> Mapping[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml"))}
