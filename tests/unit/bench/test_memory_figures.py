# SPDX-License-Identifier: Apache-2.0
"""What is told of a process's memory."""

from types import SimpleNamespace
from typing import Any

from tests.bench.report import _memory


def test_the_largest_sample_of_all_runs_is_told_and_not_the_last() -> None:
    figure: Any = dict
    runs: Any = [
        SimpleNamespace(throughput=SimpleNamespace(resident={"relay": samples}))
        for samples in ([(0, 50.0), (10, 90.0), (20, 60.0)], [(0, 50.0), (20, 70.0)])
    ]
    told: Any = _memory(figure, runs, 10)
    assert told[0] == {"name": "memory.relay", "value": 90.0, "unit": "MiB"}
