# SPDX-License-Identifier: Apache-2.0
"""How many of everything there must be in the end, by the oracle, so that no unfinished run looks fast."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cairn.cloudevents import CloudEvent
from cairn.cloudevents.structured import write_structured
from deploy.local.cohort import generated, oulad
from deploy.local.cohort.presentations import EXAMPLE
from deploy.local.cohort.submission import recorded
from tests.e2e import oracle
from tests.e2e.agreement import outcomes_at_intake
from tests.e2e.installation import INGEST
from tests.e2e.oracle_facts import from_dataset, from_stream
from tests.e2e.state import State

_ASSESSMENTS = EXAMPLE / "assessments.csv"
_Pairs = Mapping[str, tuple[Mapping[str, int], Mapping[str, int] | None]]
_RESULTS = ("results", "assessment.results.v1")


@dataclass(frozen=True, slots=True)
class Cohort:
    """The results that are fed, in order, and what the oracle concludes from them."""

    events: Sequence[CloudEvent]
    expected: oracle.Outcome

    def differences(self, state: State) -> list[str]:
        """Name each count that is not what the oracle says."""
        outcomes = self.expected.outcomes
        pairs: _Pairs = {
            "at intake": (outcomes_at_intake(outcomes), state.outcomes.get(("intake", INGEST))),
            "results folded": ({"applied": outcomes["stored"]}, state.outcomes.get(_RESULTS)),
        }
        return [*_differing(pairs), *self.concluded(state)]

    def concluded(self, state: State) -> list[str]:
        """Name each count of attainments and awards that is not what the oracle says."""
        expected = self.expected
        statuses = Counter(found.status for found in expected.attainments.values())
        awards = Counter(credential for held in expected.met.values() for credential in held)
        good = (credential for (_, credential), standing in state.standings.items() if standing == "good")
        pairs: _Pairs = {
            "attainments": (statuses, Counter(row.status for row in state.attainments.values())),
            "awards": (awards, Counter(good)),
        }
        return _differing(pairs)


def _differing(pairs: _Pairs) -> list[str]:
    return [
        f"{name}: expected {dict(wanted)}, found {dict(found or {})}"
        for name, (wanted, found) in pairs.items()
        if wanted != found
    ]


def cohort(folder: Path | None, learners: int) -> Cohort:
    """Read the cohort of a dataset's folder, or make one of so many learners."""
    if folder is not None:
        events = [recorded(one) for one in oulad.submissions(folder)]
        return Cohort(events, oracle.conclude(from_dataset(folder), oracle.weights(_ASSESSMENTS)))
    return concluding([recorded(one) for one in generated.submissions(learners)])


def concluding(events: Sequence[CloudEvent]) -> Cohort:
    """Ask the oracle what follows from some results."""
    facts = from_stream(write_structured(event) for event in events)
    return Cohort(events, oracle.conclude(facts, oracle.weights(_ASSESSMENTS)))
