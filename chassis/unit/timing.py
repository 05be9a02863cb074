# SPDX-License-Identifier: Apache-2.0
"""A learner's time: each record is folded as of its own instant, or of a later one before it (I12)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chassis.streams.message import Accepted, Message
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
