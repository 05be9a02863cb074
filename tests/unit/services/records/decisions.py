# SPDX-License-Identifier: Apache-2.0
"""Decisions for tests: any that the models allow, and lives of awards that recognition could have led."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from cairn.events.decision import Credit, DecisionKind, DecisionMade
from cairn.events.explanation import Allotment, Answer, Finding, RuleReference
from cairn.ids import LearnerId, TenantId, derived_id

TENANT, LEARNER = TenantId("ou"), LearnerId("l1")
RULE = RuleReference(rule="module-aaa", version=1, hash="ab" * 32)
FINDING = Finding(requirement="passed", kind="any", title="Passed", answer=Answer.MET)
DAY = date(2014, 1, 1)

# What may follow in the life of one award, by the kind before; the first decision follows "".
_next: dict[str, tuple[DecisionKind, ...]] = {
    "": (DecisionKind.PROPOSED, DecisionKind.REFERRED, DecisionKind.CONFERRED),
    "proposed": (DecisionKind.CONFERRED, DecisionKind.WITHDRAWN, DecisionKind.REFERRED),
    "referred": (DecisionKind.CONFERRED, DecisionKind.WITHDRAWN, DecisionKind.PROPOSED),
    "conferred": (DecisionKind.REALLOTTED, DecisionKind.UNDER_REVIEW),
    "reallotted": (DecisionKind.REALLOTTED, DecisionKind.UNDER_REVIEW),
    "upheld": (DecisionKind.REALLOTTED, DecisionKind.UNDER_REVIEW),
    "under_review": (DecisionKind.UPHELD, DecisionKind.WITHDRAWN),
    "withdrawn": (DecisionKind.PROPOSED, DecisionKind.CONFERRED),
}


def decision(kind: DecisionKind, revision: int, credential: str = "module-aaa", **more: Any) -> DecisionMade:
    """Return one decision with what is not named left plain."""
    event_id = derived_id(TENANT, LEARNER, f"award:{credential}", revision, [kind])
    return DecisionMade(
        **{
            "tenant": TENANT,
            "learner": LEARNER,
            "decision_id": str(event_id),
            "credential": credential,
            "title": credential.title(),
            "kind": kind,
            "rule": RULE,
            "explanation": FINDING,
            "grounds": ("e1",),
            "effective_on": DAY + timedelta(days=revision),
            "revision": revision,
            "as_of": datetime(2014, 1, 1, tzinfo=UTC) + timedelta(days=revision),
            **more,
        }
    )


amounts = st.builds(Fraction, st.integers(0, 10**6), st.integers(1, 12))
some_credit = st.builds(
    Credit, amount=amounts, system=st.sampled_from(["cats", "ects"]), level=st.none() | st.just("4")
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
findings = st.recursive(
    st.builds(
        Finding,
        requirement=st.just("r"),
        kind=st.sampled_from(["competency", "credential", "credits"]),
        title=texts,
        answer=st.sampled_from(Answer),
        subject=st.none() | texts,
        have=st.none() | amounts,
        note=texts,
    ),
    lambda below: st.builds(
        Finding,
        requirement=st.just("n"),
        kind=st.sampled_from(["all", "any", "n_of"]),
        title=texts,
        answer=st.sampled_from(Answer),
        children=st.lists(below, max_size=3).map(tuple),
    ),
    max_leaves=6,
)


@st.composite
def any_decision(draw: st.DrawFn, kind: DecisionKind, revision: int, credential: str) -> DecisionMade:
    """Draw a decision of a given kind with any content."""
    return decision(
        kind,
        revision,
        credential,
        title=draw(texts),
        explanation=draw(findings),
        grounds=tuple(draw(st.lists(texts, max_size=3))),
        credits=tuple(draw(st.lists(some_credit, max_size=2))),
        effective_on=draw(st.dates(DAY, DAY + timedelta(days=30))),
        reason=draw(texts),
        due_on=draw(st.none() | st.dates()),
        allotments=tuple(
            Allotment(
                requirement="r", credential="c", amount=each.amount, system=each.system, level=each.level
            )
            for each in draw(st.lists(some_credit, max_size=2))
        ),
    )


@st.composite
def lives(draw: st.DrawFn) -> list[DecisionMade]:
    """Draw the decisions about up to three awards of one learner, interleaved as they might come."""
    made: list[DecisionMade] = []
    before: dict[str, tuple[str, int]] = {}
    for credential in draw(st.lists(st.sampled_from(["aaa", "bbb", "diploma"]), max_size=14)):
        kind, revision = before.get(credential, ("", 0))
        following = draw(st.sampled_from(_next[kind]))
        effective_on = DAY + timedelta(days=draw(st.integers(0, 30)))
        made.append(decision(following, revision + 1, credential, effective_on=effective_on))
        before[credential] = following.value, revision + 1
    return made
