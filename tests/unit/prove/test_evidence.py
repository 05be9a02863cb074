# SPDX-License-Identifier: Apache-2.0
"""By what a worker's own log says whether it has had a share."""

import json

from tests.prove.evidence import assignments_in


def said(name: str, *, holds: bool) -> str:
    return json.dumps({"event": "condition", "name": name, "holds": holds})


def test_who_was_assigned_partitions_has_said_so() -> None:
    lines = [
        "no JSON",
        said("database", holds=True),
        said("assigned", holds=True),
        said("assigned", holds=False),
        said("assigned", holds=True),
        json.dumps({"event": "stopped"}),
        '{"event": "cond',
    ]
    assert assignments_in("\n".join(lines).encode()) == 2
    assert assignments_in(b"") == 0
