# SPDX-License-Identifier: Apache-2.0
"""Places in the running code, by the name of a function, and what is done there besides."""

from collections.abc import Awaitable, Callable
from functools import wraps
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


def before(function: str, act: Callable[[], Awaitable[None]]) -> None:
    """Have something done before each call of a coroutine function, given as its place."""
    owner, name = place(function)
    original: Callable[..., Awaitable[Any]] = getattr(owner, name)

    @wraps(original)
    async def after_it(*given: Any, **named: Any) -> Any:
        await act()
        return await original(*given, **named)

    setattr(owner, name, after_it)
