# SPDX-License-Identifier: Apache-2.0
"""Unit tests run with sockets off: a test that reaches for the network fails where it does so."""

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def sockets_off() -> Iterator[None]:
    # asyncio wakes its own loop through a Unix socket pair
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
