# SPDX-License-Identifier: Apache-2.0
"""The stored form of an award's credit: what an earlier release wrote is read by every later one."""

from fractions import Fraction

import pytest

from cairn.events.decision import Credit
from cairn.events.explanation import Allotment
from chassis.errors import Bug
from services.recognition.adapters.holding import read_holding, write_holding

GIVEN = (Credit(amount=Fraction(60), system="cats", level="4"), Credit(amount=Fraction(15, 2), system="ects"))
ALLOTTED = (
    Allotment(requirement="sum", credential="m1", amount=Fraction(30), system="cats", level="4"),
    Allotment(requirement="sum", credential="m2", amount=Fraction(1, 3), system="cats"),
)
VERSION_1 = (
    '{"v":1,"credits":[["60","cats","4"],["15/2","ects",null]],'
    '"allotments":[["sum","m1","30","cats","4"],["sum","m2","1/3","cats",null]]}'
)


def test_version_1_is_written_and_read_as_it_always_was() -> None:
    assert write_holding(GIVEN, ALLOTTED) == VERSION_1
    assert read_holding(VERSION_1) == (GIVEN, ALLOTTED)


def test_a_version_from_the_future_is_nothing_to_guess_at() -> None:
    with pytest.raises(Bug, match="version 2"):
        read_holding(VERSION_1.replace('"v":1', '"v":2'))
