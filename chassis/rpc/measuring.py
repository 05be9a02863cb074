# SPDX-License-Identifier: Apache-2.0
"""What is measured of each call: how long it took, how it ended, and how many are open."""

import time
from typing import Any, TypeAlias

import grpc

from chassis import metrics
from chassis.metric_catalogue import RPC_ACTIVE, RPC_DURATION

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


class Measured:
    """Measures one call, for as long as it lasts; what ends it without a status is a caller that has gone."""

    __slots__ = ("_began", "_context", "_method")

    def __init__(self, method: str, context: Context) -> None:
        self._method = method.lstrip("/")
        self._context = context

    def __enter__(self) -> None:
        metrics.shift(RPC_ACTIVE, 1, self._method)
        self._began = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, *_raised: object) -> None:
        ended = "OK" if kind is None else "CANCELLED"
        if kind is not None and issubclass(kind, grpc.aio.AbortError):
            ended = _status(self._context)
        metrics.shift(RPC_ACTIVE, -1, self._method)
        metrics.record(RPC_DURATION, time.perf_counter() - self._began, self._method, ended)


def _status(context: Context) -> str:
    code: Any = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else _NAMES.get(code, "UNKNOWN")
