# SPDX-License-Identifier: Apache-2.0
"""Places in the running code, by the name of a function."""

from importlib import import_module
from typing import Any


def place(function: str) -> tuple[Any, str]:
    """Return the owner and the name of ``module:name`` or ``module:class.name``.

    Imports only what this process is going to run.
    """
    module, _, path = function.partition(":")
    owner: Any = import_module(module)
    *classes, name = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    return owner, name
