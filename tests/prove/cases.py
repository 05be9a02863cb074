# SPDX-License-Identifier: Apache-2.0
"""Which cases a proof takes, in its long form and in its short one; ``only`` picks by name."""

from collections.abc import Iterator, Mapping

from tests.prove import crash_points, nemesis, rivals
from tests.prove.crash_points import RUNNERS, Trial
from tests.prove.rivals import Rivalry
from tests.prove.world import Suffering

# Each fault comes twice, and a zombie sleeps for a minute.
_ROUNDS = 2
_FROZEN_SECONDS = 60.0
# A planted defect shows with less of everything, and a short story has no time for more.
_FEW_EVENTS = 20_000
_NAP_SECONDS = 10.0
# The short form leaves out one defect that the design does not name.
_PLANTED_IN_SHORT = ("acknowledge_before_commit", "mark_before_publish")


def trials(only: str, *, short: bool) -> Iterator[Trial]:
    """Yield the crash points, in the short form all of a runner's together, and their defects."""
    for trial in crash_points.joint_trials() if short else crash_points.single_trials():
        if any(only in f"{point} ({process}) {trial.case.runner}" for point, process in trial.points):
            yield trial
    for trial in crash_points.planted_trials():
        if only in f"planted {trial.planted}" and not (short and trial.planted not in _PLANTED_IN_SHORT):
            yield trial


def rivalries(only: str, *, short: bool) -> Iterator[Rivalry]:
    """Yield the meetings of two owners on each runner, in the short form on the first, and their defects."""
    for rivalry in rivals.rivalries():
        named = f"{rivals.NAME} {'planted ' if rivalry.planted else ''}{rivalry.planted or rivalry.runner}"
        left_out = short and rivalry == Rivalry(RUNNERS[-1])
        if only in named and not left_out:
            yield rivalry


def sufferings(only: str, events: int, *, short: bool) -> Iterator[Suffering]:
    """Yield a nemesis for each runner and for each of its defects; the short form has none."""
    if short:
        return
    rounds, frozen = (_ROUNDS, _FROZEN_SECONDS) if events > _FEW_EVENTS else (1, _NAP_SECONDS)
    for runner in RUNNERS:
        if only in f"{nemesis.NAME} {runner}":
            yield Suffering(runner=runner, events=events, rounds=rounds, frozen_seconds=frozen)
    for defect in nemesis.PLANTED:
        if only in f"{nemesis.NAME} planted {defect}":
            few = min(events, _FEW_EVENTS)
            yield Suffering(
                runner=RUNNERS[0], events=few, rounds=1, frozen_seconds=_NAP_SECONDS, planted=defect
            )


def any_besides_nemesis(only: str, *, short: bool) -> bool:
    """Tell whether there are cases where no nemesis is possible."""
    return any(trials(only, short=short)) or any(rivalries(only, short=short))


def reasons_of(impossible: Mapping[str, str]) -> str:
    """Say in a line for each fault why a nemesis cannot be; nothing where it can."""
    return "".join(
        f"no nemesis: this machine does not allow {fault}: {reason}\n" for fault, reason in impossible.items()
    )
