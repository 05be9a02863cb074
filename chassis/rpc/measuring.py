# SPDX-License-Identifier: Apache-2.0
"""What is measured of each call: how long it took, how it ended, and how many are open."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from chassis import metrics
from chassis.metric_catalogue import RPC_ACTIVE, RPC_DURATION

_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


@contextmanager
def answering(method: str, context: "grpc.aio.ServicerContext[Any, Any]") -> Iterator[None]:
    """Measure one call; what ends it without a status is a caller that has gone."""
    named, began = method.lstrip("/"), time.perf_counter()
    metrics.add(RPC_ACTIVE, 1, named)
    ended = "CANCELLED"
    try:
        yield
        ended = "OK"
    except grpc.aio.AbortError:
        ended = _status(context)
        raise
    finally:
        metrics.add(RPC_ACTIVE, -1, named)
        metrics.record(RPC_DURATION, time.perf_counter() - began, named, ended)


def _status(context: "grpc.aio.ServicerContext[Any, Any]") -> str:
    code: Any = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else _NAMES.get(code, "UNKNOWN")
