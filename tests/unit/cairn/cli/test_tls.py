# SPDX-License-Identifier: Apache-2.0
"""The certificate that commands show comes from the environment, whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from cairn.cli.tls import tls

_VARIABLES = ("CAIRN_TLS_AUTHORITIES_FILE", "CAIRN_TLS_CERTIFICATE_FILE", "CAIRN_TLS_KEY_FILE")


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    tls.cache_clear()
    yield
    tls.cache_clear()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in _VARIABLES]
    for name, path in zip(_VARIABLES, paths, strict=True):
        path.write_text(f"pem of {name}", encoding="ascii")
        monkeypatch.setenv(name, str(path))
    return paths


def test_without_any_it_asks_in_the_clear() -> None:
    assert tls() is None


@pytest.mark.usefixtures("files")
def test_all_three_are_read_and_the_key_is_not_shown() -> None:
    found = tls()

    assert found is not None
    assert (found.authorities, found.certificate, found.key) == tuple(
        f"pem of {name}".encode() for name in _VARIABLES
    )
    assert "CAIRN_TLS_KEY_FILE" not in repr(found)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("name", _VARIABLES)
def test_the_one_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(typer.BadParameter, match=f"{name} is not set: TLS needs"):
        tls()


@pytest.mark.parametrize("place", range(3))
def test_the_one_that_cannot_be_read_is_named(files: list[Path], place: int) -> None:
    files[place].unlink()

    with pytest.raises(typer.BadParameter, match=f"{_VARIABLES[place]} must name a file that can be read"):
        tls()
