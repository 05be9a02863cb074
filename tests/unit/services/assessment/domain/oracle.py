# SPDX-License-Identifier: Apache-2.0
"""An independent reading of the mastery rules: brute force, plain fractions, no code of the domain's.

It shares with the domain only the input values and the names of the answers.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any


def _share(result: Any) -> Fraction:
    raw, low, high = (Fraction(str(part)) for part in result.score)
    return (raw - low) / (high - low)


def _beats(one: Any, other: Any) -> bool:
    if one.version is not None and other.version is not None:
        return bool(one.version > other.version)
    if one.version is None and other.version is None and one.modified_at and other.modified_at:
        return bool(one.modified_at > other.modified_at)
    return False


def _said(result: Any) -> str:
    score = None if result.score is None else [Fraction(str(part)) for part in result.score]
    return repr(
        (score, result.outcome, result.finality, result.integrity, result.occurred_at, result.carried_over)
    )


def _left(results: list[Any], taken: set[str]) -> tuple[list[Any], bool]:
    """Return what is left of each attempt, and whether anything contradicts itself."""
    groups = defaultdict(list)
    for result in results:
        if result.result_id not in taken:
            groups[result.activity, result.attempt].append(result)
    left, conflict = [], False
    for group in groups.values():
        top = [one for one in group if not any(_beats(other, one) for other in group)]
        said = {_said(one) for one in top}
        conflict = conflict or len(said) > 1
        left += [
            min((one for one in top if _said(one) == each), key=lambda one: one.result_id) for each in said
        ]
    return left, conflict


def _valid(result: Any, policy: Any) -> bool:
    if result.finality != "final" or result.integrity != "clear" or result.score is None:
        return False
    return not (result.carried_over and "carried_over" in policy.exclude)


def _when(result: Any) -> tuple[datetime, int, str]:
    return (result.occurred_at, result.attempt, result.result_id)


def _score(policy: Any, results: list[Any]) -> Fraction | None:
    if not results:
        return None
    if policy.method == "highest":
        return max(_share(one) for one in results)
    if policy.method == "latest":
        return _share(max(results, key=_when))
    total = sum((Fraction(each.weight) for each in policy.activities), Fraction(0))
    gained = Fraction(0)
    for each in policy.activities:
        own = [one for one in results if one.activity == each.activity]
        if own and policy.attempts == "highest":
            gained += each.weight * max(_share(one) for one in own)
        elif own:
            gained += each.weight * _share(max(own, key=_when))
    return gained / total


def _months_later(day: date, months: int) -> date:
    year, month = day.year + (day.month - 1 + months) // 12, (day.month - 1 + months) % 12 + 1
    for last in range(day.day, 27, -1):
        try:
            return date(year, month, last)
        except ValueError:
            continue
    return date(year, month, day.day)


def _day(result: Any, zone: Any) -> date:
    at: datetime = result.occurred_at.astimezone(zone)
    return at.date()


def _achieved(policy: Any, results: list[Any], zone: Any) -> date:
    if policy.method == "latest":
        return _day(max(results, key=_when), zone)
    days = [_day(one, zone) for one in results]
    for ahead in range((max(days) - min(days)).days + 1):
        until = min(days) + timedelta(days=ahead)
        score = _score(policy, [one for one in results if _day(one, zone) <= until])
        if score is not None and score >= policy.threshold:
            return until
    raise AssertionError


def expected(policy: Any, zone: Any, results: list[Any], retracts: list[str], as_of: datetime) -> Any:
    """Return (status, score, achieved_on, valid_until), or None where nothing is to be concluded."""
    listed = {each.activity for each in policy.activities}
    own = [one for one in results if one.activity in listed]
    left, conflict = _left(own, set(retracts))
    if conflict:
        return ("unknown", None, None, None)
    counting = [one for one in left if _valid(one, policy)]
    score = _score(policy, counting)
    if score is None:
        return ("withdrawn", None, None, None) if any(_valid(one, policy) for one in own) else None
    if score < policy.threshold:
        missing = listed - {one.activity for one in counting}
        if policy.method == "weighted_mean" and missing:
            return ("partially_attempted", None, None, None)
        return ("attempted_not_demonstrated", score, None, None)
    achieved = _achieved(policy, counting, zone)
    until = _months_later(achieved, policy.valid_for_months) if policy.valid_for_months else None
    if until and as_of.astimezone(zone).date() > until:
        return ("lapsed", None, achieved, until)
    return ("demonstrated", score, achieved, until)
