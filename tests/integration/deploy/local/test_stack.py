# SPDX-License-Identifier: Apache-2.0
"""What the environment gives is used and left alone; what was started is stopped by its last user."""

from pathlib import Path

import pytest
from rich.console import Console

from deploy.local.database import Database
from deploy.local.progress import Steps
from deploy.local.stack import Stack

BROKER_GIVEN = {"KAFKA_BOOTSTRAP_SERVERS": "broker.example:9092"}
ALL_GIVEN = {**BROKER_GIVEN, "DATABASE_URL": "postgresql://admin:never-shown@database.example/postgres"}


def stack(folder: Path, environment: dict[str, str]) -> Stack:
    return Stack(folder, steps=Steps(Console(quiet=True)), environment=environment)


def test_what_is_given_is_used_and_nothing_started(tmp_path: Path) -> None:
    with stack(tmp_path / "run", ALL_GIVEN) as endpoints:
        assert endpoints.bootstrap == ALL_GIVEN["KAFKA_BOOTSTRAP_SERVERS"]
        assert endpoints.admin == ALL_GIVEN["DATABASE_URL"]
        assert endpoints.keys is not None
    assert not (tmp_path / "run").exists()


def test_a_given_password_is_not_shown(tmp_path: Path) -> None:
    with stack(tmp_path / "run", ALL_GIVEN) as endpoints:
        assert "never-shown" not in repr(endpoints)


def test_an_empty_variable_gives_nothing(tmp_path: Path) -> None:
    with stack(tmp_path / "run", {**BROKER_GIVEN, "DATABASE_URL": ""}) as endpoints:
        assert endpoints.keys is None
        assert endpoints.admin.startswith("postgresql://postgres@/")


def test_the_last_user_stops_what_was_started(tmp_path: Path) -> None:
    database = Database(tmp_path / "run" / "postgres")
    with stack(tmp_path / "run", BROKER_GIVEN) as first:
        with stack(tmp_path / "run", BROKER_GIVEN) as second:
            assert first == second
        assert database.running() is not None
    assert database.running() is None


def test_one_user_leaving_takes_nothing_from_another(tmp_path: Path) -> None:
    database = Database(tmp_path / "run" / "postgres")
    other = stack(tmp_path / "run", BROKER_GIVEN)
    with stack(tmp_path / "run", BROKER_GIVEN):
        other.__enter__()
    try:
        assert database.running() is not None
    finally:
        other.__exit__(None, None, None)
    assert database.running() is None


def test_a_part_that_fails_takes_the_other_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_broker(_broker: object) -> str:
        message = "no broker today"
        raise OSError(message)

    monkeypatch.setattr("deploy.local.broker.Broker.start", no_broker)
    with pytest.raises(OSError, match="no broker today"):
        stack(tmp_path / "run", {}).__enter__()
    assert Database(tmp_path / "run" / "postgres").running() is None
