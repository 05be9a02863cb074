# SPDX-License-Identifier: Apache-2.0
"""Readiness is the conjunction of conditions that the components hold."""

from chassis.health import Health


def test_nothing_expected_is_not_ready() -> None:
    assert not Health().ready


def test_ready_when_every_condition_is_met_and_not_before() -> None:
    health = Health()
    health.expect("database")
    health.expect("broker")
    health.met("database")
    assert not health.ready

    health.met("broker")
    assert health.ready

    health.unmet("broker", "no connection")
    assert health.report() == {
        "ready": False,
        "conditions": {"broker": {"holds": False, "reason": "no connection"}, "database": {"holds": True}},
    }


def test_expecting_again_does_not_undo_what_is_met() -> None:
    health = Health()
    health.met("database")
    health.expect("database")

    assert health.ready


def test_a_forgotten_condition_no_longer_counts() -> None:
    health = Health()
    health.met("database")
    health.unmet("partition 3", "records were lost")
    health.forget("partition 3")

    assert health.ready
