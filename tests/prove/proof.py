# SPDX-License-Identifier: Apache-2.0
"""One proof under way: its cases one after the other, each against what its story comes to in peace."""

import re
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from deploy.local.progress import Steps
from deploy.local.stack import BUILD, Endpoints
from tests.e2e.state import State
from tests.prove import crash_points, nemesis, rivals
from tests.prove.crash_points import Trial
from tests.prove.findings import Tried, raised
from tests.prove.ground import LOGS
from tests.prove.report import Row, after_another_try, not_shown, write
from tests.prove.rivals import Rivalry
from tests.prove.story import Story, story
from tests.prove.world import Suffering

Case: TypeAlias = Callable[[Endpoints, Path, Story, State], Awaitable[list[Row]]]

FOLDER = BUILD / "prove"
RESULT = BUILD / "prove.json"
KEPT = BUILD / "prove-logs"
# A timer that another record fires first, or two owners who do not meet: by chance a try shows nothing.
_MOST_TRIES = 5
_REPEATED_UP_TO = 20_000


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
        name = trial.points[0][0] if len(trial.points) == 1 else "every crash point"
        what = Tried(trial.case.runner, trial.planted, events)
        await self._try_out(name, what, partial(crash_points.try_out, trial=trial))

    async def rivalry(self, rivalry: Rivalry, events: int) -> None:
        """Bring two owners together."""
        what = Tried(rivalry.runner, rivalry.planted, events)
        await self._try_out(rivals.NAME, what, partial(rivals.contend, rivalry=rivalry))

    async def nemesis(self, trial: Suffering) -> None:
        """Inflict every fault."""
        what = nemesis.tried(trial)
        suffer = partial(nemesis.suffer, jars=BUILD / "jars", trial=trial, seed=self.seed)
        await self._try_out(nemesis.NAME, what, suffer)

    async def _try_out(self, name: str, what: Tried, case: Case) -> None:
        """Run a case, again where it has shown nothing; a long one is not repeated."""
        rows = await self._run(name, what, case)
        tries = 1
        while tries < _MOST_TRIES and what.events <= _REPEATED_UP_TO and (missed := not_shown(rows)):
            tries += 1
            self.steps.console.print(f"  nothing was shown of {', '.join(missed)}: tried again", markup=False)
            again = [replace(row, tries=tries) for row in await self._run(name, what, case)]
            rows = after_another_try(rows, again)
        self.rows += rows
        write(self.rows, RESULT)

    async def _run(self, name: str, what: Tried, case: Case) -> list[Row]:
        """Run a case once; what it raises is a row that is not proven, and the next case has its turn."""
        told, clean = await self._in_peace(what.events)
        started = time.monotonic()
        with self.steps.step(f"{name}, {what.planted or what.runner}"):
            try:
                rows = await case(self.endpoints, FOLDER, told, clean)
            except Exception as error:  # noqa: BLE001 -- the other cases are to be tried all the same
                rows = [raised(name, what, time.monotonic() - started, error)]
        # What ended before anything was started has said nothing.
        if any(row.wrong or row.failed for row in rows if row.planted is None) and (FOLDER / LOGS).is_dir():
            self._keep_logs(f"{name}-{what.runner}")
        return rows

    def _keep_logs(self, case: str) -> None:
        """Keep what the processes of a case said that has not held: the next case begins with none."""
        kept = KEPT / re.sub(r"[^a-z]+", "-", case)
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(FOLDER / LOGS, kept)
        self.steps.console.print(f"  the logs are kept in {kept}", markup=False)

    async def _in_peace(self, events: int) -> tuple[Story, State]:
        if events not in self._told:
            told = story(events, self.seed)
            with self.steps.step(f"Run the story of {events:,} events in peace"):
                self._told[events] = told, await crash_points.clean_state(self.endpoints, FOLDER, told)
        return self._told[events]
