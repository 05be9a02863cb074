# SPDX-License-Identifier: Apache-2.0
"""What has to hold before rules are published: each on its own, all together, and every example."""

from collections.abc import Iterable, Iterator

from services.recognition.domain.allocation import Allocator
from services.recognition.domain.canonical import RuleVersion
from services.recognition.domain.document import Fault
from services.recognition.domain.examples import failing_examples
from services.recognition.domain.rule_set import RuleSet


def faults_of(
    new: Iterable[RuleVersion], published: Iterable[RuleVersion], allocator: Allocator
) -> Iterator[Fault]:
    """Yield what keeps new rule versions from standing beside those already published.

    References among the new ones hold.
    """
    added = tuple(new)
    rules = RuleSet((*published, *added))
    found = tuple(rules.faults())
    yield from found
    if not found:
        given = {one.rule.credential.id: one.rule.credential.credit_given for one in rules.versions}
        for version in added:
            for fault in failing_examples(version, given, allocator):
                yield Fault(fault.place, fault.reason, version.rule.rule)
