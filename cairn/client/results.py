# SPDX-License-Identifier: Apache-2.0
"""What both ways of publishing results promise: nothing is lost, and repeating does nothing twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cairn.cloudevents.event import CloudEvent

Outcome = Literal["stored", "duplicate", "conflict", "refused", "sent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of one event: ``field`` and ``reason`` say why it was refused.

    ``sent`` is all that a broker can say: the event is durable in the topic, intake decides later.
    """

    id: str
    outcome: Outcome
    field: str = ""
    reason: str = ""


class ResultsPublisher(Protocol):
    """Publishes native events of one source."""

    async def publish(self, events: Sequence[CloudEvent]) -> list[Receipt]:
        """Return one receipt for each event, in order, once all are answered; raises CallError."""
        ...
