# SPDX-License-Identifier: Apache-2.0
"""Ledgers for tests: decisions followed one by one, as a unit of work follows them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cairn.events.decision import DecisionMade
from services.records.domain.chain import Link
from services.records.domain.entry import Entry
from services.records.domain.ledger import AwardHead, ChainHead, Heads, Noted, Outcome, Written, follow
from services.records.domain.record import Recorded

RECORDED = datetime(2014, 6, 1, tzinfo=UTC)


def follow_all(decisions: Iterable[DecisionMade]) -> tuple[list[Outcome], list[Entry]]:
    """Follow the decisions about one learner; return each outcome, and the entries."""
    chain = ChainHead()
    awards: dict[str, AwardHead] = {}
    outcomes: list[Outcome] = []
    entries: list[Entry] = []
    for decision in decisions:
        outcome = follow(Heads(chain, awards.get(decision.credential, AwardHead())), decision)
        outcomes.append(outcome)
        match outcome:
            case Noted(heads):
                awards[decision.credential] = heads.award
            case Written(heads, entry):
                chain, awards[decision.credential] = heads.chain, heads.award
                entries.append(entry)
            case _:
                pass
    return outcomes, entries


def links(entries: Iterable[Entry]) -> list[Link]:
    """Return the entries as the chain sees them."""
    return [Link(each.statement.sequence, each.canonical, each.previous_hash, each.hash) for each in entries]


def recorded(entries: Iterable[Entry], positioned: int | None = None) -> list[Recorded]:
    """Return the entries as stored: recorded one day after another, the last ones without a position."""
    return [
        Recorded(
            statement=each.statement,
            previous_hash=each.previous_hash,
            hash=each.hash,
            position=number if positioned is None or number <= positioned else None,
            recorded_at=RECORDED + timedelta(days=number)
            if positioned is None or number <= positioned
            else None,
        )
        for number, each in enumerate(entries, start=1)
    ]
