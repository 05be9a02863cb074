# SPDX-License-Identifier: Apache-2.0
"""Log lines are JSON, carry the trace, and quote nobody's payload."""

import asyncio
import json
import logging
import subprocess
import sys

import pytest

from chassis.errors import Reject
from chassis.logs import describe, without_texts

PAYLOAD = "Ada Lovelace"

PROGRAM = f"""
import logging, structlog
from chassis import logs, telemetry, tracing
logs.configure("records", "serve", "info")
telemetry.configure("records", "serve", None)
with tracing.tracer.start_as_current_span("unit"):
    structlog.get_logger().info("taken", records=3)
try:
    raise ValueError({PAYLOAD!r})
except ValueError:
    structlog.get_logger().exception("failed")
    logging.getLogger("library").exception("failed on %s at %d", {PAYLOAD!r}, 7)
logging.getLogger("library").info("too quiet to hear")
structlog.get_logger().debug("too quiet to hear")
structlog.get_logger().info("odd", value=object())
"""


def test_lines_are_json_with_the_trace_and_without_payloads() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, text=True)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]

    assert [line["event"] for line in lines] == ["taken", "failed", "failed on <str> at 7", "odd"]
    assert all(line["service"] == "records" and line["process"] == "serve" for line in lines)
    assert len(lines[0]["trace_id"]) == 32
    assert "trace_id" not in lines[1]
    assert [line["error"][0]["type"] for line in lines[1:3]] == ["ValueError", "ValueError"]
    assert PAYLOAD not in ended.stderr


FORGOTTEN = f"""
import asyncio, gc, uvloop
from chassis import logs
logs.configure("records", "serve", "info")
async def fail(): raise ValueError({PAYLOAD!r})
async def forget():
    task = asyncio.create_task(fail())
    asyncio.get_running_loop().call_soon(int, {PAYLOAD!r})
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()
"""


@pytest.mark.parametrize("run", ["asyncio.run", "uvloop.run"])
def test_what_a_loop_says_of_forgotten_work_quotes_nobody(run: str) -> None:
    program = FORGOTTEN + f"{run}(forget())"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    callback, task = sorted(line["event"] for line in lines)
    assert callback.startswith("Exception in callback")
    assert task == "Task exception was never retrieved"
    assert {line["error"][0]["type"] for line in lines} == {"ValueError"}
    assert PAYLOAD not in ended.stderr


def test_our_own_reasons_are_shown_and_foreign_texts_are_not() -> None:
    error = Reject("must be a decimal", "score")
    error.__cause__ = ValueError(PAYLOAD)

    ours, foreign = describe(error)

    assert ours["reason"] == "score: must be a decimal"
    assert foreign["type"] == "ValueError"
    assert PAYLOAD not in json.dumps([ours, foreign])


def test_a_group_names_what_it_holds() -> None:
    group = ExceptionGroup(PAYLOAD, [TimeoutError(PAYLOAD), ConnectionRefusedError(111, PAYLOAD)])

    assert [finding["type"] for finding in describe(group)] == [
        "ExceptionGroup",
        "TimeoutError",
        "ConnectionRefusedError",
    ]
    assert PAYLOAD not in json.dumps(describe(group))


@pytest.mark.parametrize(
    ("template", "arguments", "shown"),
    [
        ("plain", (), "plain"),
        ("%s and %r", (PAYLOAD, 3), "<str> and 3"),
        ("%d items", (3,), "3 items"),
        ("%d items", (PAYLOAD,), "%d items"),
        ("%(name)s", {"name": PAYLOAD}, "<str>"),
        (ValueError(PAYLOAD), (), "<ValueError>"),
    ],
)
def test_arguments_of_a_library_are_shown_by_type(template: object, arguments: object, shown: str) -> None:
    assert without_texts(template, arguments) == shown


def test_the_event_loop_reports_through_a_logger_that_we_route() -> None:
    assert logging.getLogger(asyncio.__name__).propagate
