# SPDX-License-Identifier: Apache-2.0
"""Exact amounts on the wire: decimals and rationals travel as text, never as floats (I10)."""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import Field, PlainSerializer, WithJsonSchema
from pydantic.functional_validators import BeforeValidator

_DECIMAL = r"^-?[0-9]{1,10}(\.[0-9]{1,10})?$"
_RATIONAL = r"^-?[0-9]{1,20}(/[1-9][0-9]{0,19})?$"
_WIRE_PLACES = 10
_exact = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20}|/[1-9][0-9]{0,19})?\Z")


def decimal_text(value: Decimal) -> str:
    """Write a decimal without exponent and without trailing zeros, so that equal values are equal text."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def rational(value: object) -> Fraction:
    """Read an exact rational from an integer, a decimal or a text such as ``7/2`` or ``7.5``.

    Raises ValueError for a float, an exponent, or anything else that is not a finite exact number.
    """
    match value:
        case Fraction():
            return value
        case bool():
            pass
        case int() | Decimal():
            return Fraction(value)
        case str() if _exact.match(value):
            return Fraction(value)
    message = 'an exact amount is an integer or a text such as "15", "7.5" or "15/2"'
    raise ValueError(message)


def wire_score(share: Fraction) -> Decimal:
    """Round a share of a scale to ten places, half to even: the named rounding step of a published score.

    What is compared with a published score takes the same step, so that a third reaches a third.
    """
    return Decimal(round(share * 10**_WIRE_PLACES)).scaleb(-_WIRE_PLACES)


Score = Annotated[
    Decimal,
    Field(max_digits=20, decimal_places=10, allow_inf_nan=False),
    PlainSerializer(decimal_text, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": _DECIMAL, "description": "an exact decimal, written as text"}
    ),
]
"""A decimal of at most 20 digits, 10 of them after the point; read from text or number, written as text."""

Amount = Annotated[
    Fraction,
    BeforeValidator(rational),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": _RATIONAL, "description": "an exact rational, such as 15 or 15/2"}
    ),
]
"""An exact amount of credit, written as text: ``15`` or ``15/2``."""
