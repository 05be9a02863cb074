# SPDX-License-Identifier: Apache-2.0
"""A page token goes on where its page ended, and only in the list that it was given for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.rpc.refusal import Refusal
from services.records.app.page_token import PageTokens

tokens = PageTokens(b"s" * 32)


@given(st.text(), st.integers(0, 2**63 - 1))
def test_what_was_made_is_read_again(listed: str, position: int) -> None:
    assert tokens.read(listed, tokens.make(listed, position)) == position


@pytest.mark.parametrize(
    ("listed", "token"),
    [
        ("institutions/b", tokens.make("institutions/a", 7)),
        ("institutions/a", PageTokens(b"x" * 32).make("institutions/a", 7)),
        ("institutions/a", tokens.make("institutions/a", 7)[:-4]),
        ("institutions/a", "7"),
        ("institutions/a", "AAAA"),
        ("institutions/a", "ü"),
    ],
)
def test_any_other_token_is_refused(listed: str, token: str) -> None:
    with pytest.raises(Refusal) as refused:
        tokens.read(listed, token)

    assert refused.value.error_reason == "INVALID_PAGE_TOKEN"
    assert refused.value.field == "page_token"


@given(st.binary(max_size=40))
def test_no_token_that_we_did_not_sign_is_read(raw: bytes) -> None:
    with pytest.raises(Refusal):
        tokens.read("institutions/a", raw.hex())
