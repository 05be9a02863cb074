# SPDX-License-Identifier: Apache-2.0
"""What is told of versions, clocks and certificates, and with which advice."""

from datetime import UTC, datetime, timedelta

import pytest

from chassis.operations.examining import Severity, certificate, clocks, database, migrated

NOW = datetime(2026, 3, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


@pytest.mark.parametrize(
    ("found", "severity", "advice"),
    [("0017", "ERROR", "`migrate`"), ("0018", "FINE", ""), ("0019", "WARNING", "version that has migrated")],
)
def test_migrations_stand_where_the_process_knows_them(found: str, severity: str, advice: str) -> None:
    told = migrated("chassis", found, "0018")
    assert told.severity is Severity[severity]
    assert found in told.found
    assert advice in told.advice


@pytest.mark.parametrize(
    ("left", "severity"), [(YEAR / 2, "FINE"), (YEAR / 13, "WARNING"), (-timedelta(seconds=1), "ERROR")]
)
def test_a_certificate_is_warned_of_in_its_last_twelfth(left: timedelta, severity: str) -> None:
    told = certificate(NOW + left - YEAR, NOW + left, NOW)
    assert told.severity is Severity[severity]
    assert bool(told.advice) is (severity != "FINE")


@pytest.mark.parametrize(
    ("ahead", "severity", "said"),
    [(0.4, "FINE", "0.4 s ahead"), (-3.0, "WARNING", "3.0 s behind"), (90.0, "WARNING", "90.0 s ahead")],
)
def test_a_clock_that_is_seconds_off_is_told(ahead: float, severity: str, said: str) -> None:
    told = clocks("its clock", ahead)
    assert told.severity is Severity[severity]
    assert said in told.found


def test_a_database_that_is_slow_is_warned_of() -> None:
    assert database(18, 1).severity is Severity.FINE
    assert database(15, 18).severity is Severity.WARNING
