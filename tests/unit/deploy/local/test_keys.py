# SPDX-License-Identifier: Apache-2.0
"""Secrets are made once, differ from one another, and only their user reads them."""

import base64
import stat
from pathlib import Path

from deploy.local.keys import Keys


def test_a_key_is_256_bits_and_stays(tmp_path: Path) -> None:
    first = Keys(tmp_path / "secrets").key("identity")
    assert len(base64.b64decode(first, validate=True)) == 32
    assert Keys(tmp_path / "secrets").key("identity") == first


def test_secrets_differ(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "secrets")
    assert len({keys.key("one"), keys.key("two"), keys.password("one"), keys.password("two")}) == 4


def test_only_the_user_reads_them(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "secrets")
    keys.key("identity")
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.folder.iterdir()} == {0o600}
