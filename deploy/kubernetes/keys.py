# SPDX-License-Identifier: Apache-2.0
"""Makes the keys that the local overlay is built with: once, readable by this user alone."""

from pathlib import Path

from deploy.kubernetes.built import HERE
from deploy.local.keys import Keys

NAMES = ("assessment-master", "identity", "records-page-token")


def make_keys(folder: Path = HERE / "overlays/local/keys") -> None:
    """Make the keys that are not there yet."""
    keys = Keys(folder)
    for name in NAMES:
        keys.key(name)


if __name__ == "__main__":
    make_keys()
