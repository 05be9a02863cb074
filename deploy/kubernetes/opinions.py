# SPDX-License-Identifier: Apache-2.0
"""Asks kube-score about an overlay, and holds each silence to a reason that stands beside it.

``kube-score/ignore`` names the checks that a manifest is not held to; ``cairn.org/ignored-because`` says why
of each, as a line ``check: reason``.
"""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

from deploy.kubernetes.built import TOOLS, Manifest

IGNORED, BECAUSE = "kube-score/ignore", "cairn.org/ignored-because"
# Kube-score knows no schema newer than its own release, and calls an API stable or not by that.
# That no process has a limit of CPU is said once, in base/process.yaml; of memory each must have one.
_COMMAND = (
    "score",
    "--output-format=json",
    "--output-version=v2",
    "--kubernetes-version=v1.33",
    "--ignore-container-cpu-limit",
    "--enable-optional-test=container-seccomp-profile",
    "--enable-optional-test=container-ports-check",
    "-",
)
_GOOD = 10


def findings(built: str) -> Iterator[str]:
    """Yield each check that is neither passed nor ignored; raises ValueError where nothing was looked at."""
    command = [str(TOOLS / "kube-score"), *_COMMAND]
    done = subprocess.run(command, input=built, stdout=subprocess.PIPE, text=True, check=False)
    scored = json.loads(done.stdout)
    if not scored:
        raise ValueError("kube-score has looked at nothing")
    for thing in scored:
        name = f"{thing['type_meta']['kind']} {thing['object_meta']['name']}"
        for check in thing["checks"] or ():
            if not check["skipped"] and check["grade"] < _GOOD:
                yield f"{name}: {check['check']['id']}: {_words(check)}"


def unexplained(manifest: Manifest) -> Iterator[str]:
    """Yield each check that is ignored without a reason, and each reason of one that is not ignored."""
    annotations = manifest.body["metadata"].get("annotations", {})
    ignored = {name.strip() for name in annotations.get(IGNORED, "").split(",") if name.strip()}
    lines = [line.partition(":") for line in annotations.get(BECAUSE, "").splitlines() if line.strip()]
    reasons = {name.strip() for name, _, reason in lines if reason.strip()}
    for name in sorted(ignored ^ reasons):
        what = "is ignored without a reason" if name in ignored else "has a reason, and is not ignored"
        yield f"{manifest}: {name} {what}"


def _words(check: Any) -> str:
    return "; ".join(f"{each['path']} {each['summary']}".strip() for each in check["comments"] or ())
