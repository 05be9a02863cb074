# SPDX-License-Identifier: Apache-2.0
"""Builds both overlays and holds them to their schemas, to kube-score and to the code: ``make manifests``."""

import sys
from collections.abc import Iterator

from deploy.kubernetes import alerts, kafka, opinions, schemas
from deploy.kubernetes.built import HERE, OVERLAYS, build, read
from deploy.kubernetes.keys import make_keys


def findings(built: str) -> Iterator[str]:
    """Yield what is wrong with an overlay that was built."""
    for manifest in read(built):
        yield from schemas.findings(manifest)
        yield from opinions.unexplained(manifest)
    yield from opinions.findings(built)


def main() -> int:
    """Name all that is wrong; return 1 where something is."""
    make_keys()
    code = max(kafka.main(["--check"]), alerts.main(["--check"]))
    for overlay in OVERLAYS:
        built = build(HERE / "overlays" / overlay)
        count = sum(1 for _ in read(built))
        found = list(findings(built))
        for finding in found:
            sys.stdout.write(f"{overlay}: {finding}\n")
        sys.stdout.write(f"{overlay}: {count} manifests, {len(found)} findings\n")
        code = code or int(bool(found))
    return code


if __name__ == "__main__":
    sys.exit(main())
