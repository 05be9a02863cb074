# SPDX-License-Identifier: Apache-2.0
"""Locks exclude, shares count, and the last to leave knows it."""

from pathlib import Path

import pytest

from deploy.local.lock import TakenError, Use, exclusive


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    with exclusive(tmp_path / "lock", 1), pytest.raises(TakenError), exclusive(tmp_path / "lock", 0.1):
        pass


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), exclusive(tmp_path / "lock", 1):
        raise KeyError
    with exclusive(tmp_path / "lock", 0.1):
        pass


def test_only_the_last_user_is_alone(tmp_path: Path) -> None:
    with Use(tmp_path / "in-use") as first:
        with Use(tmp_path / "in-use"):
            assert not first.alone()
        assert first.alone()
