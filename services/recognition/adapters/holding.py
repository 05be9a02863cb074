# SPDX-License-Identifier: Apache-2.0
"""The stored form of what an award gives and rests on: versioned JSON, read by pure functions.

Version 1: ``credits`` as [amount, system, level] and ``allotments`` as [requirement, credential,
amount, system, level].
"""

import json
from fractions import Fraction
from functools import lru_cache

from cairn.events.decision import Credit
from cairn.events.explanation import Allotment
from chassis.errors import Bug

VERSION = 1

Holding = tuple[tuple[Credit, ...], tuple[Allotment, ...]]


@lru_cache(maxsize=1024)
def write_holding(credit: tuple[Credit, ...], allotments: tuple[Allotment, ...]) -> str:
    """Write the credit that an award gives and the credit allotted to it."""
    given = [[str(one.amount), one.system, one.level] for one in credit]
    allotted = [
        [one.requirement, one.credential, str(one.amount), one.system, one.level] for one in allotments
    ]
    return json.dumps({"v": VERSION, "credits": given, "allotments": allotted}, separators=(",", ":"))


@lru_cache(maxsize=1024)
def read_holding(text: str) -> Holding:
    """Read what :func:`write_holding` wrote in any version; most awards hold what many hold."""
    stored = json.loads(text)
    if stored["v"] != VERSION:
        message = f"an award is stored in version {stored['v']}, which this release does not know"
        raise Bug(message)
    given = tuple(
        Credit(amount=Fraction(amount), system=system, level=level)
        for amount, system, level in stored["credits"]
    )
    allotted = tuple(
        Allotment(
            requirement=requirement,
            credential=credential,
            amount=Fraction(amount),
            system=system,
            level=level,
        )
        for requirement, credential, amount, system, level in stored["allotments"]
    )
    return given, allotted
