# SPDX-License-Identifier: Apache-2.0
"""Who acts is always on record, also where the system has no name for its user; who asks need not say."""

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from cairn.cli import app

LOSS = "consumers/tally/losses/1"
Invoke = Callable[..., Any]


class Opened(Exception):
    """A channel would have been opened, in the name of whom it says."""


@pytest.fixture(params=[KeyError, OSError])
def invoke(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run a command as a user without a login name, up to where it would call."""

    def nobody() -> str:
        raise request.param

    def opened(_address: str, operator: str = "", *, tls: object) -> None:
        assert tls is None
        raise Opened(operator)

    monkeypatch.setattr("getpass.getuser", nobody)
    monkeypatch.setattr("cairn.cli.services.open_operations", opened)
    return lambda *words, operator="": CliRunner().invoke(app, words, env={"CAIRN_OPERATOR": operator})


@pytest.mark.parametrize(
    "words",
    [
        ["counts"],
        ["lag"],
        ["parked", "--tenant", "a"],
        ["dlq", "list", "--tenant", "a"],
        ["door", "--tenant", "a"],
    ],
)
def test_who_asks_needs_no_name(invoke: Invoke, words: list[str]) -> None:
    asked = invoke(*words)
    assert isinstance(asked.exception, Opened)
    assert str(asked.exception) == ""


def test_who_acts_without_a_login_name_is_asked_who_that_is(invoke: Invoke) -> None:
    acted = invoke("consumers", "accept", LOSS, "--service", "records")
    assert acted.exit_code == 2
    assert "CAIRN_OPERATOR" in acted.output


def test_what_is_asked_for_then_helps(invoke: Invoke) -> None:
    acted = invoke("consumers", "accept", LOSS, "--service", "records", operator="anna")
    assert isinstance(acted.exception, Opened)
    assert str(acted.exception) == "anna"
