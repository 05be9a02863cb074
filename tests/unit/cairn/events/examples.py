# SPDX-License-Identifier: Apache-2.0
"""One event of each type with every field set, and one with only what is needed."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from cairn.events.attainment import AttainmentChanged, AttainmentStatus, PolicyReference
from cairn.events.catalogue import Event
from cairn.events.decision import Credit, DecisionKind, DecisionMade
from cairn.events.entry import EntryKind, EntryRecorded
from cairn.events.explanation import Allotment, Answer, Finding, RuleReference
from cairn.events.fact import (
    EnrolmentStated,
    EnrolmentStatus,
    LearnerErased,
    LearnersLinked,
    LearnersSeparated,
)
from cairn.events.native import LearnerIdentifier, NativeResult, NativeRetraction
from cairn.events.reevaluation import DueReached, EpochRaised
from cairn.events.result import (
    Finality,
    Grader,
    Integrity,
    Outcome,
    ResultRecorded,
    ResultRetracted,
    ScoreRange,
)
from cairn.ids import LearnerId, TenantId

TENANT = TenantId("open-university")
LEARNER = LearnerId("lq5x7")
NOW = datetime(2026, 2, 11, 17, 2, 3, 120000, tzinfo=UTC)
LATER = datetime(2026, 2, 12, tzinfo=UTC)
DAY = date(2026, 2, 11)
SHA = "0123456789abcdef" * 4
ACTIVITY = "https://open.ac.uk/assessments/1752"
SCORE = ScoreRange(raw=Decimal("7.50"), min=Decimal(0), max=Decimal(10))
PERSON = LearnerIdentifier(issuer="https://open.ac.uk", kind="student-number", value="عربي 🎓")
RULE = RuleReference(rule="module-aaa", version=1, hash=SHA)
POLICY = PolicyReference(policy="aaa-2013j", version=2, hash=SHA)
CREDIT = Credit(amount=Fraction(15, 2), system="cats", level="4")
LEAF = Finding(
    requirement="passed",
    kind="competency",
    title="Coursework",
    answer=Answer.MET,
    subject="https://open.ac.uk/competencies/AAA",
    have=Fraction(1),
    need=Fraction(1),
    grounds=("e-1",),
    note="Demonstrated on 2026-02-11.",
)

_FACT: dict[str, Any] = {"tenant": TENANT, "learner": LEARNER, "fact_id": "f-1", "as_of": LATER}
FACTS: tuple[Event, ...] = (
    EnrolmentStated(
        **_FACT,
        programme="certificate",
        programme_version="2026",
        status=EnrolmentStatus.ENROLLED,
        effective_on=DAY,
        version=1,
    ),
    LearnersLinked(**_FACT, alias=LearnerId("l2")),
    LearnersSeparated(**_FACT, alias=LearnerId("l2")),
    LearnerErased(**_FACT),
)
"""No field of a learner fact may be left out, so the least is the fullest."""

FULL: tuple[Event, ...] = (
    *FACTS,
    NativeResult(
        learner=PERSON,
        activity=ACTIVITY,
        attempt=2,
        score=SCORE,
        outcome=Outcome.PASSED,
        finality=Finality.PROVISIONAL,
        integrity=Integrity.PENDING,
        grader=Grader.HUMAN,
        carried_over=True,
        occurred_at=NOW,
        version=3,
        modified_at=LATER,
        tenant=TENANT,
    ),
    NativeRetraction(learner=PERSON, retracts="e-1", reason="marked twice", occurred_at=NOW, tenant=TENANT),
    ResultRecorded(
        tenant=TENANT,
        learner=LEARNER,
        source="moodle",
        source_event_id="e-1",
        result_id="r-1",
        activity=ACTIVITY,
        attempt=2,
        score=SCORE,
        outcome=Outcome.PASSED,
        finality=Finality.PROVISIONAL,
        integrity=Integrity.PENDING,
        grader=Grader.HUMAN,
        carried_over=True,
        occurred_at=NOW,
        recorded_at=LATER,
        version=3,
        modified_at=LATER,
    ),
    ResultRetracted(
        tenant=TENANT,
        learner=LEARNER,
        source="moodle",
        source_event_id="e-2",
        result_id="r-2",
        retracts="r-1",
        reason="marked twice",
        occurred_at=NOW,
        recorded_at=LATER,
    ),
    AttainmentChanged(
        tenant=TENANT,
        learner=LEARNER,
        event_id="a-1",
        competency="https://open.ac.uk/competencies/AAA",
        status=AttainmentStatus.DEMONSTRATED,
        score=Decimal("0.75"),
        band="pass",
        scheme="ou-grades",
        achieved_on=DAY,
        valid_until=date(2028, 2, 11),
        policy=POLICY,
        result_ids=("r-1", "r-2"),
        revision=2,
        supersedes="a-0",
        as_of=LATER,
    ),
    DecisionMade(
        tenant=TENANT,
        learner=LEARNER,
        decision_id="d-1",
        credential="module-aaa",
        title="Module AAA",
        kind=DecisionKind.UNDER_REVIEW,
        rule=RULE,
        explanation=Finding(
            requirement="all", kind="all", title="All of it", answer=Answer.MET, children=(LEAF,)
        ),
        grounds=("a-1",),
        credits=(CREDIT,),
        allotments=(
            Allotment(
                requirement="sum", credential="module-bbb", amount=Fraction(30), system="cats", level="4"
            ),
        ),
        effective_on=DAY,
        reason="attainment_lowered",
        due_on=date(2026, 3, 13),
        addressee="registrar",
        revision=2,
        supersedes="d-0",
        as_of=LATER,
    ),
    EntryRecorded(
        tenant=TENANT,
        learner=LEARNER,
        entry_id="n-1",
        sequence=1,
        kind=EntryKind.CONFERRED,
        credential="module-aaa",
        decision_id="d-1",
        rule=RULE,
        credits=(CREDIT,),
        effective_on=DAY,
        previous_hash="0" * 64,
        hash=SHA,
    ),
    DueReached(
        tenant=TENANT,
        learner=LEARNER,
        reevaluation_id="v-1",
        kind="lapse",
        ref="https://open.ac.uk/competencies/AAA",
        as_of=NOW,
    ),
    EpochRaised(tenant=TENANT, learner=LEARNER, reevaluation_id="v-2", epoch=3, as_of=NOW),
)
LEAST: tuple[Event, ...] = (
    *FACTS,
    NativeResult(learner=PERSON, activity=ACTIVITY, occurred_at=NOW),
    NativeRetraction(learner=PERSON, retracts="e-1", occurred_at=NOW),
    ResultRecorded(
        tenant=TENANT,
        learner=LEARNER,
        source="moodle",
        source_event_id="e-1",
        result_id="r-1",
        activity=ACTIVITY,
        occurred_at=NOW,
        recorded_at=LATER,
    ),
    ResultRetracted(
        tenant=TENANT,
        learner=LEARNER,
        source="moodle",
        source_event_id="e-2",
        result_id="r-2",
        retracts="r-1",
        occurred_at=NOW,
        recorded_at=LATER,
    ),
    AttainmentChanged(
        tenant=TENANT,
        learner=LEARNER,
        event_id="a-1",
        competency="https://open.ac.uk/competencies/AAA",
        status=AttainmentStatus.UNKNOWN,
        policy=POLICY,
        result_ids=(),
        revision=1,
        as_of=LATER,
    ),
    DecisionMade(
        tenant=TENANT,
        learner=LEARNER,
        decision_id="d-1",
        credential="module-aaa",
        title="Module AAA",
        kind=DecisionKind.CONFERRED,
        rule=RULE,
        explanation=LEAF,
        grounds=(),
        effective_on=DAY,
        revision=1,
        as_of=LATER,
    ),
    EntryRecorded(
        tenant=TENANT,
        learner=LEARNER,
        entry_id="n-1",
        sequence=1,
        kind=EntryKind.CONFERRED,
        credential="module-aaa",
        decision_id="d-1",
        rule=RULE,
        effective_on=DAY,
        previous_hash="0" * 64,
        hash=SHA,
    ),
    DueReached(tenant=TENANT, learner=LEARNER, reevaluation_id="v-1", kind="lapse", ref="c", as_of=NOW),
    EpochRaised(tenant=TENANT, learner=LEARNER, reevaluation_id="v-2", epoch=1, as_of=NOW),
)
EXAMPLES = [
    *(pytest.param(event, id=f"{type(event).__name__}, in full") for event in FULL),
    *(pytest.param(event, id=f"{type(event).__name__}, the least") for event in LEAST),
]
