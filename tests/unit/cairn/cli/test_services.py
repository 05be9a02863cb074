# SPDX-License-Identifier: Apache-2.0
"""Who asks is always on record, also where the system has no name for its user."""

import pytest
from typer.testing import CliRunner

from cairn.cli import app


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_user_without_a_login_name_is_asked_who_that_is(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def nobody() -> str:
        raise error

    monkeypatch.setattr("getpass.getuser", nobody)
    asked = CliRunner().invoke(app, ["counts", "--service", "records"], env={"CAIRN_OPERATOR": ""})
    assert asked.exit_code == 2
    assert "CAIRN_OPERATOR" in asked.output
