# SPDX-License-Identifier: Apache-2.0
"""The comparison of the topics that are wanted with those that are there."""

import pytest

from cairn.topics.catalogue import RESULTS
from cairn.topics.plan import Alter, Create, Existing, Plan, Refuse, compare

CONFIG = RESULTS.config


def steps(existing: Existing | None) -> Plan:
    return compare([RESULTS], 6, {} if existing is None else {RESULTS.name: existing})


def test_what_is_missing_is_made() -> None:
    assert steps(None).steps == (Create(RESULTS.name, 6, CONFIG),)


def test_what_is_as_it_should_be_is_left_alone() -> None:
    assert steps(Existing(6, {**CONFIG, "segment.ms": "1"})).steps == ()


def test_what_nobody_wants_is_left_alone() -> None:
    assert compare([], 6, {"other": Existing(1, {})}).steps == ()


def test_configuration_is_altered_and_the_operators_own_kept() -> None:
    found = {"retention.ms": "1", "segment.ms": "7"}
    alter = Alter(
        RESULTS.name,
        {"cleanup.policy": (None, "delete"), "retention.ms": ("1", CONFIG["retention.ms"])},
        {**CONFIG, "segment.ms": "7"},
    )
    assert steps(Existing(6, found)).steps == (alter,)


@pytest.mark.parametrize("longer", ["5184000000", "-1"])
def test_a_longer_retention_is_kept(longer: str) -> None:
    """Shortened, it would delete what nobody has consumed yet."""
    assert steps(Existing(6, {**CONFIG, "retention.ms": longer})).steps == ()
    (step,) = steps(Existing(6, {"retention.ms": longer, "cleanup.policy": "compact"})).steps
    assert isinstance(step, Alter)
    assert step.config == {"cleanup.policy": "delete", "retention.ms": longer}


@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_compaction_is_named_and_taken_back(policy: str) -> None:
    (step,) = steps(Existing(6, {**CONFIG, "cleanup.policy": policy})).steps
    assert isinstance(step, Alter)
    assert dict(step.changes) == {"cleanup.policy": (policy, "delete")}


@pytest.mark.parametrize("partitions", [1, 5, 7, 12])
def test_another_number_of_partitions_is_refused_whatever_else_differs(partitions: int) -> None:
    plan = steps(Existing(partitions, {}))
    assert [type(step) for step in plan.steps] == [Refuse]
    assert plan.refusals == plan.steps
    assert f"has {partitions} partitions, not 6" in plan.refusals[0].reason
