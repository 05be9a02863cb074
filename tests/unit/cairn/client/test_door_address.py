# SPDX-License-Identifier: Apache-2.0
"""A credential is sent over https only, or to this machine."""

import pytest

from cairn.client.results_http import open_http_results

HERE = ["127.0.0.1:1", "localhost:1", "[::1]:1", "https://door.example", "http://127.0.0.1:1"]


@pytest.mark.parametrize("address", HERE)
async def test_a_credential_is_sent_there(address: str) -> None:
    async with open_http_results(address, "lms", credential="c"):
        pass


@pytest.mark.parametrize("address", ["door.example:80", "http://door.example", "10.0.0.1:7400"])
async def test_a_credential_is_not_sent_in_the_clear_to_another_machine(address: str) -> None:
    with pytest.raises(ValueError, match="https only"):
        async with open_http_results(address, "lms", credential="c"):
            pass
    async with open_http_results(address, "lms"):
        pass
