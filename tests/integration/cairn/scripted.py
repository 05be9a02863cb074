# SPDX-License-Identifier: Apache-2.0
"""Real servers on loopback with scripted answers: the three services, and the HTTP door."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from grpc_status import rpc_status

from cairn.assessment.v1 import policy_pb2, policy_service_pb2, policy_service_pb2_grpc
from cairn.recognition.v1 import rule_pb2, rule_service_pb2, rule_service_pb2_grpc
from cairn.records.v1 import (
    disclosure_pb2,
    entry_pb2,
    finding_pb2,
    learner_record_pb2,
    record_service_pb2,
    record_service_pb2_grpc,
)
from chassis.errors import CairnError, Retry
from chassis.rpc.refusal import Refusal, Violation, invalid
from chassis.rpc.status import status_of

HASH = "ab" * 32
EXPLANATION = finding_pb2.Finding(
    requirement="passed",
    kind=finding_pb2.REQUIREMENT_KIND_ANY,
    title="Pass one presentation [of two]",
    answer=finding_pb2.ANSWER_MET,
    have="1",
    need="1",
    children=[
        finding_pb2.Finding(
            requirement="2013j",
            kind=finding_pb2.REQUIREMENT_KIND_COMPETENCY,
            answer=finding_pb2.ANSWER_MET,
            subject="https://open.ac.uk/competencies/AAA/2013J",
            grounds=["event-1"],
            note="demonstrated with 0.62",
        ),
        finding_pb2.Finding(requirement="2014j", answer=finding_pb2.ANSWER_UNKNOWN),
    ],
)


def entry(position: int) -> entry_pb2.Entry:
    return entry_pb2.Entry(
        name=f"institutions/ou/learners/l1/entries/e{position}",
        sequence=position + 1,
        position=position,
        kind=entry_pb2.ENTRY_KIND_CONFERRED,
        credential="module-aaa",
        title="Module AAA",
        rule=finding_pb2.RuleReference(rule="module-aaa", version=1, hash=HASH),
        effective_on=Date(year=2014, month=6, day=30),
        record_time=Timestamp(seconds=1404129600),
    )


AWARD = learner_record_pb2.Award(
    credential="module-aaa",
    title="Module AAA",
    state=learner_record_pb2.AWARD_STATE_UNDER_REVIEW,
    credits=[entry_pb2.Credit(amount="15/2", system="cats", level="4")],
    conferred_on=Date(year=2014, month=6, day=30),
    reason="grounds lowered",
    due_on=Date(year=2014, month=7, day=30),
    addressee="registrar",
)


@contextmanager
def refusing(context: grpc.ServicerContext) -> Iterator[None]:
    try:
        yield
    except CairnError as error:
        context.abort_with_status(rpc_status.to_status(status_of(error)))


class Policies(policy_service_pb2_grpc.PolicyServiceServicer):
    """Refuses a document that holds the word ``wrong``; has one page of one policy."""

    def PublishPolicies(  # noqa: N802 - the contract's name
        self, request: policy_service_pb2.PublishPoliciesRequest, context: Any
    ) -> policy_service_pb2.PublishPoliciesResponse:
        with refusing(context):
            wrong = [
                Violation(f"documents[{place}].activities[0].weight", "is not a key; did you mean weights")
                for place, each in enumerate(request.documents)
                if "wrong" in each.document
            ]
            if wrong:
                raise invalid(*wrong)
        published = [
            policy_service_pb2.PublishedPolicy(policy=self._policy(each.name), already_published=place > 0)
            for place, each in enumerate(request.documents)
        ]
        return policy_service_pb2.PublishPoliciesResponse(policies=published, epoch=7)

    def ListPolicies(  # noqa: N802 - the contract's name
        self, request: policy_service_pb2.ListPoliciesRequest, _context: Any
    ) -> policy_service_pb2.ListPoliciesResponse:
        last = request.page_token == "second"
        policies = [self._policy("b" if last else "a")]
        return policy_service_pb2.ListPoliciesResponse(
            policies=policies, next_page_token="" if last else "second"
        )

    def GetPolicy(  # noqa: N802 - the contract's name
        self, request: policy_service_pb2.GetPolicyRequest, context: Any
    ) -> policy_service_pb2.GetPolicyResponse:
        with refusing(context):
            if not request.name.endswith("/policies/a@2"):
                raise Refusal("NOT_FOUND", "there is no such policy")
        return policy_service_pb2.GetPolicyResponse(policy=self._policy("a"))

    def _policy(self, policy_id: str) -> policy_pb2.Policy:
        return policy_pb2.Policy(policy_id=policy_id.rpartition("/")[2], version=2, hash=HASH, epoch=7)


class Rules(rule_service_pb2_grpc.RuleServiceServicer):
    """Has every version published with other content."""

    def PublishRules(  # noqa: N802 - the contract's name
        self, _request: rule_service_pb2.PublishRulesRequest, context: Any
    ) -> rule_service_pb2.PublishRulesResponse:
        with refusing(context):
            raise Refusal(
                "VERSION_IMMUTABLE",
                "a published version never changes",
                [Violation("documents[0]", "version 1 is published with other content")],
            )

    def ListRules(  # noqa: N802 - the contract's name
        self, _request: rule_service_pb2.ListRulesRequest, _context: Any
    ) -> rule_service_pb2.ListRulesResponse:
        rule = rule_pb2.Rule(rule_id="module-aaa", version=1, hash=HASH, epoch=3, title="Module AAA")
        return rule_service_pb2.ListRulesResponse(rules=[rule])

    def GetRule(  # noqa: N802 - the contract's name
        self, _request: rule_service_pb2.GetRuleRequest, _context: Any
    ) -> rule_service_pb2.GetRuleResponse:
        return rule_service_pb2.GetRuleResponse(rule=rule_pb2.Rule(rule_id="module-aaa", version=1))


@dataclass
class Records(record_service_pb2_grpc.RecordServiceServicer):
    """Has three entries, of which a watch sends two and breaks."""

    asked: list[Any] = field(default_factory=list)

    def GetLearnerRecord(  # noqa: N802 - the contract's name
        self, request: record_service_pb2.GetLearnerRecordRequest, _context: Any
    ) -> record_service_pb2.GetLearnerRecordResponse:
        self.asked.append(request)
        record = learner_record_pb2.LearnerRecord(
            name=request.name,
            awards=[AWARD],
            entries=[entry(0)],
            chain_head=learner_record_pb2.ChainHead(sequence=1, hash=HASH),
        )
        return record_service_pb2.GetLearnerRecordResponse(record=record, disclosure_id="d1")

    def GetEntry(  # noqa: N802 - the contract's name
        self, request: record_service_pb2.GetEntryRequest, context: Any
    ) -> record_service_pb2.GetEntryResponse:
        self.asked.append(request)
        with refusing(context):
            if request.name.endswith("/secret"):
                raise Refusal("PERMISSION_DENIED", "not for this caller")
        found = entry(0)
        found.explanation.CopyFrom(EXPLANATION)
        return record_service_pb2.GetEntryResponse(entry=found, disclosure_id="d2")

    def ListEntries(  # noqa: N802 - the contract's name
        self, request: record_service_pb2.ListEntriesRequest, _context: Any
    ) -> record_service_pb2.ListEntriesResponse:
        self.asked.append(request.parent)
        position = int(request.page_token or "0")
        token = str(position + 1) if position < 2 else ""
        return record_service_pb2.ListEntriesResponse(entries=[entry(position)], next_page_token=token)

    def ListDisclosures(  # noqa: N802 - the contract's name
        self, request: record_service_pb2.ListDisclosuresRequest, _context: Any
    ) -> record_service_pb2.ListDisclosuresResponse:
        self.asked.append(request.parent)
        place = int(request.page_token or "0")
        told = [disclosure_pb2.Disclosure(name=f"institutions/ou/disclosures/d{place}")]
        token = str(place + 1) if place < 2 else ""
        return record_service_pb2.ListDisclosuresResponse(disclosures=told, next_page_token=token)

    def WatchEntries(  # noqa: N802 - the contract's name
        self, request: record_service_pb2.WatchEntriesRequest, context: Any
    ) -> Iterator[record_service_pb2.WatchEntriesResponse]:
        after = request.after_position if request.HasField("after_position") else None
        self.asked.append(after)
        first = 0 if after is None else after + 1
        for position in range(first, first + 2):
            yield record_service_pb2.WatchEntriesResponse(entries=[entry(position)], position=position)
        with refusing(context):
            raise Retry("the server is stopping")


@dataclass(frozen=True)
class Services:
    """Where the scripted services listen, all at one address, and what records was asked."""

    address: str
    records: Records


@contextmanager
def scripted_services() -> Iterator[Services]:
    server = grpc.server(ThreadPoolExecutor(4))
    records = Records()
    policy_service_pb2_grpc.add_PolicyServiceServicer_to_server(Policies(), server)
    rule_service_pb2_grpc.add_RuleServiceServicer_to_server(Rules(), server)
    record_service_pb2_grpc.add_RecordServiceServicer_to_server(records, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield Services(f"127.0.0.1:{port}", records)
    finally:
        server.stop(None).wait()


@dataclass(frozen=True)
class Reply:
    """What the scripted door answers to one request; ``None`` as status closes the connection unanswered."""

    status: int | None
    body: object = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Door:
    """A door that answers as its script says; keeps what it was asked."""

    script: Callable[[int, list[dict[str, Any]]], Reply]
    asked: list[tuple[str, str, list[dict[str, Any]]]] = field(default_factory=list)
    address: str = ""


@contextmanager
def scripted_door(script: Callable[[int, list[dict[str, Any]]], Reply]) -> Iterator[Door]:
    door = Door(script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            door.asked.append((self.path, self.headers["content-type"], body))
            reply = door.script(len(door.asked), body)
            if reply.status is None:
                self.close_connection = True
                return
            content = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in (("content-length", str(len(content))), *reply.headers):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    door.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
