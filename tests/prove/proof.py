# SPDX-License-Identifier: Apache-2.0
"""One proof under way: its cases one after the other, each against what its story comes to in peace."""

from dataclasses import dataclass, field

from deploy.local.progress import Steps
from deploy.local.stack import BUILD, Endpoints
from tests.e2e.state import State
from tests.prove import crash_points, nemesis, rivals
from tests.prove.cases import NEMESIS, RIVALS
from tests.prove.crash_points import Trial
from tests.prove.nemesis import Suffering
from tests.prove.report import Row, write
from tests.prove.rivals import Rivalry
from tests.prove.story import Story, story

FOLDER = BUILD / "prove"
RESULT = BUILD / "prove.json"


@dataclass(slots=True)
class Proof:
    """Rows of the report as they come; a story of a given length is told in peace only once."""

    endpoints: Endpoints
    steps: Steps
    seed: int
    rows: list[Row] = field(default_factory=list)
    _told: dict[int, tuple[Story, State]] = field(default_factory=dict)

    async def crash_point(self, trial: Trial, events: int) -> None:
        """End processes at their points."""
        told, clean = await self._in_peace(events)
        name = trial.planted or (trial.points[0][0] if len(trial.points) == 1 else "every crash point")
        with self.steps.step(f"{name}, {trial.case.runner}"):
            self._add(await crash_points.try_out(self.endpoints, FOLDER, told, clean, trial))

    async def rivalry(self, rivalry: Rivalry, events: int) -> None:
        """Bring two owners together."""
        told, clean = await self._in_peace(events)
        with self.steps.step(f"{RIVALS}, {rivalry.planted or rivalry.runner}"):
            self._add(await rivals.contend(self.endpoints, FOLDER, told, clean, rivalry))

    async def nemesis(self, trial: Suffering) -> None:
        """Inflict every fault."""
        told, clean = await self._in_peace(trial.events)
        with self.steps.step(f"{NEMESIS}, {trial.planted or trial.runner}"):
            self._add(
                await nemesis.suffer(self.endpoints, FOLDER, BUILD / "jars", told, clean, trial, self.seed),
            )

    async def _in_peace(self, events: int) -> tuple[Story, State]:
        if events not in self._told:
            told = story(events, self.seed)
            with self.steps.step(f"Run the story of {events:,} events in peace"):
                self._told[events] = told, await crash_points.clean_state(self.endpoints, FOLDER, told)
        return self._told[events]

    def _add(self, rows: list[Row]) -> None:
        self.rows += rows
        write(self.rows, RESULT)
