# SPDX-License-Identifier: Apache-2.0
"""Ports are free, stay the same between runs, and give way to whoever holds them."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind((ports.LOOPBACK, 0))
        holder.listen()
        yield int(holder.getsockname()[1])


def test_names_get_different_ports_and_the_same_ones_again(tmp_path: Path) -> None:
    first = ports.choose(tmp_path / "ports.json", {"http": 0, "grpc": 0})
    assert len(set(first.values())) == 2
    assert ports.choose(tmp_path / "ports.json", {"grpc": 0, "http": 0}) == first


def test_a_wish_is_granted_to_one(tmp_path: Path) -> None:
    free = ports.choose(tmp_path / "other.json", {"any": 0})["any"]
    chosen = ports.choose(tmp_path / "ports.json", {"http": free, "grpc": free})
    assert chosen["http"] == free
    assert chosen["grpc"] != free


def test_a_wish_that_comes_free_goes_before_what_is_remembered(tmp_path: Path) -> None:
    remembered = ports.choose(tmp_path / "ports.json", {"http": 0})["http"]
    free = ports.choose(tmp_path / "other.json", {"any": 0})["any"]
    assert ports.choose(tmp_path / "ports.json", {"http": free})["http"] == free != remembered


def test_a_port_that_is_taken_is_not_chosen(tmp_path: Path, taken: int) -> None:
    (tmp_path / "ports.json").write_text(f'{{"http": {taken}}}', encoding="utf-8")
    assert not ports.is_free(taken)
    assert ports.choose(tmp_path / "ports.json", {"http": taken})["http"] != taken


def test_a_damaged_memory_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{", encoding="utf-8")
    assert ports.choose(tmp_path / "ports.json", {"http": 0})["http"] > 0
