# SPDX-License-Identifier: Apache-2.0
"""Commands of the system, such as those that make networks and mount file systems."""

import subprocess


def run(*command: str) -> str:
    """Run a command and return what it prints; raises CalledProcessError when it fails."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
