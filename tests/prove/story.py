# SPDX-License-Identifier: Apache-2.0
"""What a run tells: a seeded stream of results, and the documents that are published before and meanwhile.

Some attainments lapse after 146 months, which for modules of 2013 is between the instant at which
intake's clock stands and today: the scheduler tells of them. Meanwhile all other modules become harder to
pass and the certificate asks for more, so that many awards come under review, which falls due as well.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from cairn.cloudevents import CloudEvent
from deploy.local.cohort import generated
from deploy.local.cohort.derived import derived
from deploy.local.cohort.presentations import EXAMPLE

LAPSING = ("aaa-2013j", "bbb-2013j", "ddd-2013j")
CERTIFICATE = "certificate-of-higher-education"
# A learner of the generated cohort has nearly ten events on average.
EVENTS_PER_LEARNER = 9


@dataclass(frozen=True, slots=True)
class Publication:
    """Documents that are published together, by file."""

    policies: Mapping[str, str]
    rules: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Story:
    """Events in the order in which they arrive, and what is published before them."""

    events: Sequence[CloudEvent]
    at_first: Publication


def story(events: int, seed: int) -> Story:
    """Return so many events; equal numbers and seeds give equal stories."""
    submissions = generated.submissions(events // EVENTS_PER_LEARNER + 100, seed)
    stream = list(islice(derived(submissions, seed), events))
    if len(stream) < events:
        message = f"the generated cohort has only {len(stream)} events of {events}"
        raise AssertionError(message)
    return Story(stream, Publication(_lapsing(), {}))


def publications(count: int) -> list[Publication]:
    """Return what is published meanwhile, in order; whatever came between, the last is the same."""
    steps = [("0.55", "75")] * (count - 1) + [("0.70", "90")]
    return [
        Publication(_harder(version, threshold), _more(version, amount))
        for version, (threshold, amount) in enumerate(steps, start=2)
    ]


def _lapsing() -> dict[str, str]:
    return {
        name: text.replace("version: 1\n", "version: 2\nvalid_for_months: 146\n")
        for name, text in _policies().items()
        if name.startswith(LAPSING)
    }


def _harder(version: int, threshold: str) -> dict[str, str]:
    return {
        name: text.replace("version: 1\n", f"version: {version}\n").replace('"0.40"', f'"{threshold}"')
        for name, text in _policies().items()
        if not name.startswith(LAPSING)
    }


def _more(version: int, amount: str) -> dict[str, str]:
    text = (EXAMPLE / "rules" / f"{CERTIFICATE}.yaml").read_text(encoding="utf-8")
    text, _, _ = text.partition("examples:")
    text = re.sub(r"version: 1\n", f"version: {version}\n", text).replace(
        'amount: "60"', f'amount: "{amount}"'
    )
    return {f"{CERTIFICATE}.yaml": text}


def _policies() -> dict[str, str]:
    folder = EXAMPLE / "policies"
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml"))}
