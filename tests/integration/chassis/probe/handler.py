# SPDX-License-Identifier: Apache-2.0
"""The probe's handler: folds each learner's results into a history and publishes every change."""

import time
from collections.abc import Sequence
from datetime import timedelta

from cairn.events.catalogue import source_of, to_cloudevent
from cairn.events.result import ResultRecorded
from cairn.events.skipped import Skipped
from cairn.ids import LearnerId, TenantId, derived_id
from chassis.database import Connection
from chassis.errors import Reject
from chassis.streams.decode import decode_event
from chassis.streams.message import Accepted, Message, Record
from chassis.unit.due import Due
from chassis.unit.unit import Unit

LearnerKey = tuple[TenantId, LearnerId]

_LOAD = """
select tenant, learner, results, history from probe.tally
join unnest($1::text[], $2::text[]) as wanted (tenant, learner) using (tenant, learner)
"""
_STORE = """
insert into probe.tally (tenant, learner, results, history)
select * from unnest($1::text[], $2::text[], $3::int[], $4::text[])
on conflict (tenant, learner) do update set results = excluded.results, history = excluded.history
"""


class Tally:
    """Counts results; ``activity`` says what else a result asks for (see :meth:`_one`)."""

    def __init__(self, consumer: str, topic: str, published: str) -> None:
        self.consumer = consumer
        self.topics = (topic,)
        self.broken = False
        self.seconds = 0.0
        self.long_seconds = 0.0
        self.sizes: list[int] = []
        self.reloads: list[tuple[TenantId, int]] = []
        self._published = published

    def decode(self, record: Record) -> Message[ResultRecorded]:
        return decode_event(record, ResultRecorded)

    async def reload(self, _connection: Connection, tenant: TenantId, epoch: int) -> None:
        self.reloads.append((tenant, epoch))

    async def skip(self, _unit: Unit, _skipped: Skipped, /) -> None:
        """Do nothing: results are facts."""

    async def fold(self, unit: Unit, accepted: Sequence[Accepted[ResultRecorded]]) -> None:
        keys = sorted({(each.message.tenant, each.message.learner) for each in accepted})
        rows = await unit.connection.fetch(_LOAD, [key[0] for key in keys], [key[1] for key in keys])
        state: dict[LearnerKey, tuple[int, str]] = {(row[0], row[1]): (row[2], row[3]) for row in rows}
        for each in accepted:
            key = each.message.tenant, each.message.learner
            if not unit.begin(each):
                continue
            state[key] = self._one(unit, each, state.get(key, (0, "")))
            time.sleep(self.seconds)  # noqa: ASYNC251 - a domain that thinks
            await unit.breathe()
        self.sizes.append(len(accepted))
        changed = [(*key, *state[key]) for key in keys if key in state]
        if not changed:
            return
        await unit.connection.execute(_STORE, *(list(column) for column in zip(*changed, strict=True)))

    def _one(self, unit: Unit, each: Accepted[ResultRecorded], before: tuple[int, str]) -> tuple[int, str]:
        count, history = before
        event = each.event
        for due in unit.fire(each):
            history += f"!{due.ref}"
        match event.activity.rsplit("/", 1)[-1]:
            case "refused" if self.broken:
                unit.refuse(each.message, Reject("may not be", "activity"))
                return count, history
            case "raising" if self.broken:
                raise KeyError(event.learner)
            case "ignored":
                unit.ignore(each.message)
                return count, history
            case "long":
                time.sleep(self.long_seconds)
            case "endless":
                history += "x" * 3000
            case "timed":
                at = each.as_of + timedelta(days=1)
                unit.due(Due(at, "ring", str(count), event.tenant, event.learner))
            case _:
                pass
        grounds = [event.result_id]
        derived = derived_id(event.tenant, event.learner, "tally", count + 1, grounds)
        published = to_cloudevent(
            event,
            id=derived,
            source=source_of("probe", event.tenant),
            tenant=event.tenant,
            learner=event.learner,
            as_of=each.as_of,
        )
        unit.publish(self._published, event.tenant, event.learner, published)
        return count + 1, f"{history}.{event.source_event_id}"
