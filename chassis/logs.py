# SPDX-License-Identifier: Apache-2.0
"""Structured logs: one JSON object a line, with the ids of the trace and without learner data.

Cairn's own lines carry only what the code names. Libraries speak through the same door, but a
text that they put into a message, and the message of any error that is not ours, may quote a
payload: numbers pass, everything else is shown as the name of its type.
"""

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from numbers import Number
from types import TracebackType
from typing import Any

import structlog
from opentelemetry import trace

from chassis.errors import CairnError

Line = MutableMapping[str, Any]
_DEEPEST_CAUSE = 8
# Behind what asyncio says of a task that nobody waited for it writes the task, its error's text included.
_unspoken = re.compile(r"[^\w .,'!-].*", re.DOTALL)


def configure(service: str, process: str, level: str) -> None:
    """Send every line of this process, the libraries' included, to standard error as JSON."""
    threshold = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_trace,
            _with_error,
            structlog.processors.JSONRenderer(default=lambda value: f"<{type(value).__name__}>"),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service, process=process)
    logging.basicConfig(handlers=[_ToStructlog()], level=max(threshold, logging.WARNING), force=True)
    logging.captureWarnings(capture=True)


class _ToStructlog(logging.Handler):
    """Hands the lines of libraries over, with the texts in them taken out."""

    def emit(self, record: logging.LogRecord) -> None:
        event = without_texts(record.msg, record.args)
        if record.name == "asyncio":
            event = _unspoken.sub("", event)
        error = record.exc_info[1] if record.exc_info else None
        structlog.get_logger().log(record.levelno, event, logger=record.name, exc_info=error)


def without_texts(template: object, arguments: object) -> str:
    """Fill a log template with the numbers among its arguments, and type names for the rest."""
    if not isinstance(template, str):
        return f"<{type(template).__name__}>"
    if not arguments:
        return template
    if isinstance(arguments, Mapping):
        filled: object = {name: _shown(value) for name, value in arguments.items()}
    else:
        values = arguments if isinstance(arguments, tuple) else (arguments,)
        filled = tuple(_shown(value) for value in values)
    try:
        return template % filled
    except (TypeError, ValueError, KeyError):
        return template


def _shown(value: object) -> object:
    return value if isinstance(value, Number) else f"<{type(value).__name__}>"


def _with_trace(_logger: object, _method: str, line: Line) -> Line:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        line["trace_id"] = trace.format_trace_id(context.trace_id)
        line["span_id"] = trace.format_span_id(context.span_id)
    return line


def _with_error(_logger: object, _method: str, line: Line) -> Line:
    error = line.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        line["error"] = describe(error)
    return line


def describe(error: BaseException) -> list[dict[str, object]]:
    """Return the error and its causes: type, place, and the text only where it is ours."""
    chain: list[dict[str, object]] = []
    cause: BaseException | None = error
    while cause is not None and len(chain) < _DEEPEST_CAUSE:
        chain.append({"type": type(cause).__name__, **_known(cause), "at": _frames(cause.__traceback__)})
        if isinstance(cause, BaseExceptionGroup):
            chain.extend(finding for inner in cause.exceptions for finding in describe(inner))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return chain


def _known(error: BaseException) -> dict[str, object]:
    if isinstance(error, CairnError):
        return {"reason": str(error)}
    if isinstance(error, OSError):
        return {"errno": error.errno}
    sqlstate = getattr(error, "sqlstate", None)
    return {"sqlstate": sqlstate} if isinstance(sqlstate, str) else {}


def _frames(trail: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trail)]
