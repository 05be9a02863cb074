# SPDX-License-Identifier: Apache-2.0
"""Writes the alerts of the production overlay, of the rules that any Prometheus takes.

``python -m deploy.kubernetes.alerts`` writes them; with ``--check`` it tells whether they are stale.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

_RULES = Path(__file__).parents[1] / "observability" / "cairn.rules.yml"
FILE = Path(__file__).parent / "overlays/production/alerts.yaml"
_HEADER = """\
# SPDX-License-Identifier: Apache-2.0
# Written by `python -m deploy.kubernetes.alerts` of deploy/observability/cairn.rules.yml: change that.
"""


def alerts() -> str:
    """Return what the file holds."""
    document: dict[str, Any] = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "cairn",
            "labels": {"app.kubernetes.io/part-of": "cairn", "cairn.org/stage": "processes"},
        },
        "spec": yaml.safe_load(_RULES.read_text("utf-8")),
    }
    return _HEADER + yaml.safe_dump(document, sort_keys=False)


def main(arguments: list[str]) -> int:
    """Write the file, or tell whether it is not what it should be."""
    if arguments != ["--check"]:
        FILE.write_text(alerts(), "utf-8")
    elif not FILE.exists() or FILE.read_text("utf-8") != alerts():
        sys.stdout.write(f"{FILE.name} is not what the rules say: run `python -m deploy.kubernetes.alerts`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
