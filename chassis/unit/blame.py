# SPDX-License-Identifier: Apache-2.0
"""Which record is to blame for what a handler raises, and what is said of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from chassis.errors import Reject, Retry
from chassis.sqlstate import OUTSIDE
from chassis.unit.done import Raised
from chassis.unit.unit import Unit

_OF_NONE: tuple[type[Exception], ...] = (asyncpg.PostgresError, *OUTSIDE, Retry)
"""What a handler raises that is no fault of the record it is at, or not to be laid to it yet."""


@contextmanager
def folding(unit: Unit) -> Iterator[None]:
    """Lay what is raised within to the record that the unit is at, as Raised; what belongs to none leaves."""
    try:
        with unit.timed():
            yield
    except _OF_NONE:
        raise
    except Exception as error:
        if unit.current is None:
            raise
        raise Raised(unit.current.record, raised_by(error)) from error
    finally:
        unit.steps.end()


class Defect(Reject):
    """What a handler raised at a record: nothing is wrong with the record itself, for all that is known."""


def raised_by(error: Exception) -> Reject:
    """Say what was raised and where, and nothing of the values that it was raised about."""
    if isinstance(error, Reject):
        return error
    traced = error.__traceback__
    while traced is not None and traced.tb_next is not None:
        traced = traced.tb_next
    if traced is None:
        return Defect(f"raised {type(error).__name__}")
    code = traced.tb_frame.f_code
    return Defect(f"raised {type(error).__name__} in {code.co_qualname}, line {traced.tb_lineno}")
