# SPDX-License-Identifier: Apache-2.0
"""Exact shares of a scale: every decision is taken on rationals, only the wire rounds (I10)."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import lcm


@lru_cache(maxsize=8192)
def share(raw: Decimal, low: Decimal, high: Decimal) -> Fraction:
    """Return which share of its scale a score reaches, 0 to 1."""
    return (Fraction(raw) - Fraction(low)) / (Fraction(high) - Fraction(low))


def whole_weights(weights: Iterable[Fraction]) -> tuple[int, ...]:
    """Scale rational weights to integers in the same proportion."""
    exact = tuple(weights)
    common = lcm(*[weight.denominator for weight in exact])
    return tuple(weight.numerator * (common // weight.denominator) for weight in exact)
