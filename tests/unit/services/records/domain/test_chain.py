# SPDX-License-Identifier: Apache-2.0
"""Nobody can alter, drop, insert or swap an entry without breaking the learner's chain."""

from dataclasses import replace
from hashlib import sha256

from hypothesis import assume, given
from hypothesis import strategies as st

from cairn.events.decision import DecisionKind, DecisionMade
from services.records.domain.chain import verify_chain
from tests.unit.services.records.decisions import decision, lives
from tests.unit.services.records.ledgers import follow_all, links


@given(lives())
def test_what_the_ledger_writes_is_a_whole_chain(life: list[DecisionMade]) -> None:
    chain = links(follow_all(life)[1])

    assert verify_chain(chain) is None
    assert [link.sequence for link in chain] == list(range(1, len(chain) + 1))


@given(lives(), st.data())
def test_an_altered_entry_breaks_it_there(life: list[DecisionMade], data: st.DataObject) -> None:
    chain = links(follow_all(life)[1])
    assume(chain)
    place = data.draw(st.integers(0, len(chain) - 1))
    altered = chain[place].canonical.replace(b'"sequence":', b'"sequence": ')
    chain[place] = replace(chain[place], canonical=altered)

    assert verify_chain(chain) == place + 1


@given(lives(), st.data())
def test_an_entry_altered_with_its_hash_breaks_it_at_the_next(
    life: list[DecisionMade], data: st.DataObject
) -> None:
    chain = links(follow_all(life)[1])
    assume(len(chain) > 1)
    place = data.draw(st.integers(0, len(chain) - 2))
    canonical = chain[place].canonical + b" "
    forged = sha256(chain[place].previous_hash + canonical).digest()
    chain[place] = replace(chain[place], canonical=canonical, hash=forged)

    assert verify_chain(chain) == place + 2


@given(lives(), st.data())
def test_a_dropped_entry_breaks_it(life: list[DecisionMade], data: st.DataObject) -> None:
    chain = links(follow_all(life)[1])
    assume(len(chain) > 1)
    place = data.draw(st.integers(0, len(chain) - 2))
    del chain[place]

    assert verify_chain(chain) == place + 1


def test_the_hash_is_over_the_previous_hash_and_the_canonical_form() -> None:
    _, (first, second) = follow_all(
        [decision(DecisionKind.CONFERRED, 1), decision(DecisionKind.UNDER_REVIEW, 2)]
    )

    assert first.hash == sha256(bytes(32) + first.canonical).digest()
    assert second.hash == sha256(first.hash + second.canonical).digest()
