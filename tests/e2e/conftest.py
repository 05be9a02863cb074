# SPDX-License-Identifier: Apache-2.0
"""A broker and a database that belong to the end-to-end tests alone, and what they are fed with."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.cohort import oulad
from deploy.local.cohort.submission import Submission
from deploy.local.stack import BUILD, ROOT, Endpoints, Stack

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
def one_in() -> int:
    """Every so many students take part: all of them with ``WHOLE``, which takes its time."""
    return 1 if os.environ.get("WHOLE") else 8


@pytest.fixture(scope="session")
def submissions(dataset: Path) -> list[Submission]:
    """All 173,912 real results, in the order in which they were handed in."""
    return list(oulad.submissions(dataset))
