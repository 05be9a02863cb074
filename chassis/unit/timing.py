# SPDX-License-Identifier: Apache-2.0
"""A learner's time: each record is folded as of its own instant, or of a later one before it (I12)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chassis.streams.message import Accepted, Message
from chassis.unit.done import EndsWith
from chassis.unit.learners import LearnerKey


def timed(messages: Sequence[Message[Any]], stood: Mapping[LearnerKey, datetime]) -> list[Accepted[Any]]:
    """Return each message with the instant that its learner has reached by then, given where all stood."""
    now = dict(stood)
    accepted: list[Accepted[Any]] = []
    for message in messages:
        key = message.tenant, message.learner
        now[key] = max(now[key], message.as_of)
        accepted.append(Accepted(message, now[key]))
    return accepted


def moved(
    accepted: Sequence[Accepted[Any]], stood: Mapping[LearnerKey, datetime]
) -> dict[LearnerKey, datetime]:
    """Return to where learners have moved on."""
    last = {(each.message.tenant, each.message.learner): each.as_of for each in accepted}
    return {key: as_of for key, as_of in last.items() if as_of > stood[key]}


def check_timed(
    messages: Sequence[Message[Any]], kept: Sequence[Accepted[Any]], stood: Mapping[LearnerKey, datetime]
) -> None:
    """Raise EndsWith where one of those kept was folded as of an instant that only one put aside has brought.

    It is then for the next unit, as it would be in a batch of its own (I2).
    """
    alone = timed([each.message for each in kept], stood)
    for each, wanted in zip(kept, alone, strict=True):
        if each.as_of != wanted.as_of:
            raise EndsWith(messages[messages.index(each.message) - 1].record)
