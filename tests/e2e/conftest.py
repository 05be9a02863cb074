# SPDX-License-Identifier: Apache-2.0
"""A broker and a database that belong to the end-to-end tests alone, and what they are fed with."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.cohort import oulad
from deploy.local.cohort.submission import Submission
from deploy.local.stack import BUILD, ROOT, Endpoints, Stack
from tests.e2e.extent import WHOLE

OULAD = ROOT.parent / "shared" / "data" / "oulad"
FOLDER = BUILD / "e2e"


@pytest.fixture(scope="session")
def endpoints() -> Iterator[Endpoints]:
    # Never those of the environment: topics have fixed names, and a test makes all of them anew.
    with Stack(FOLDER, environment={}) as endpoints:
        yield endpoints


@pytest.fixture(scope="session")
def folder() -> Path:
    """Where logs, ports and secrets of the installations under test are kept."""
    return FOLDER


@pytest.fixture(scope="session")
def dataset() -> Path:
    """Find the folder of the real results; without it the test is skipped."""
    if not OULAD.is_dir():
        pytest.skip("the dataset is not at ../shared/data/oulad")
    return OULAD


@pytest.fixture(scope="session")
def submissions(dataset: Path) -> list[Submission]:
    """All 173,912 real results, in the order in which they were handed in."""
    return list(oulad.submissions(dataset))


@pytest.fixture(scope="session")
def every(submissions: list[Submission]) -> Callable[[int], list[Submission]]:
    """Return the submissions of every so many students, or of all where all are asked for."""
    return lambda one_in: [one for one in submissions if WHOLE or int(one.student) % one_in == 0]
