# SPDX-License-Identifier: Apache-2.0
"""What an operator sees and does, by the command, against a service that really runs."""

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import asyncpg
import grpc
import pytest
from aiokafka import AIOKafkaProducer

from cairn.client.errors import CallError
from cairn.client.operations import open_operations
from cairn.operations.v1.operations_service_pb2 import ListWaitingRecordsRequest, ReplayRecordRequest
from cairn.operations.v1.operations_service_pb2_grpc import (
    OperationsServiceStub,
    add_OperationsServiceServicer_to_server,
)
from chassis.database import open_pool
from chassis.health import Health
from chassis.operations.examining import Examiner
from chassis.operations.service import NAME, OperationsService
from chassis.rpc.operators import OperatorsHere
from chassis.rpc.server import RpcServer
from chassis.unit.breaker import MOST_BUGS
from chassis.unit.losses import RecordsLost
from tests.integration.chassis.conftest import FOLDER
from tests.integration.chassis.probe.feed import feed, result
from tests.integration.chassis.probe.handler import Tally
from tests.integration.chassis.probe.running import (
    Probe,
    counts,
    ends_by_itself,
    eventually,
    histories,
    running,
)
from tests.integration.chassis.probe.topics import make_again
from tests.integration.command import Said, cairn

Run = Callable[..., Awaitable[tuple[int | None, str]]]
Paste = Callable[..., Awaitable[Said]]


@pytest.fixture
async def address(probe: Probe) -> AsyncIterator[str]:
    pool = await open_pool(probe.serve, 3)
    server = RpcServer([NAME], 0, Health())
    examiner = Examiner(pool, "probe", FOLDER, None)
    add_OperationsServiceServicer_to_server(OperationsService(pool, OperatorsHere(), examiner), server.server)
    stop = asyncio.Event()
    task = asyncio.create_task(server.run(stop))
    yield f"127.0.0.1:{server.port}"
    stop.set()
    await task
    await pool.close()


@pytest.fixture
def paste(
    address: str, probe: Probe, monkeypatch: pytest.MonkeyPatch, unused_tcp_port_factory: Callable[[], int]
) -> Paste:
    """Return what runs a command as it is: the probe's is the one service that is up."""
    for service in ("ASSESSMENT", "RECOGNITION"):
        monkeypatch.setenv(f"CAIRN_{service}_ADDRESS", f"127.0.0.1:{unused_tcp_port_factory()}")
    monkeypatch.setenv("CAIRN_RECORDS_ADDRESS", address)
    monkeypatch.setenv("CAIRN_TENANT", "probe-a")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", probe.bootstrap)
    monkeypatch.setenv("CAIRN_OPERATOR", "registrar's desk")
    monkeypatch.setenv("COLUMNS", "250")

    return cairn


@pytest.fixture
def run(paste: Paste) -> Run:
    """Return what runs a command about the probe's service alone, which has no trouble."""

    async def call(*arguments: str) -> tuple[int | None, str]:
        code, told, troubled = await paste(*arguments, "--service", "records")
        assert troubled == ""
        return code, told

    return call


async def listed(run: Run, *arguments: str) -> list[Any]:
    """Return what a command lists as JSON."""
    code, told = await run(*arguments, "--json")
    assert code == 0
    found: list[Any] = json.loads(told)
    return found


async def lags(run: Run) -> list[Any]:
    """Return how far each consumer is from the end."""
    code, told = await run("lag", "--json")
    assert code == 0
    consumers: list[Any] = json.loads(told)["consumers"]
    return consumers


def tally(probe: Probe, *, broken: bool) -> Tally:
    handler = Tally(probe.consumer, probe.topic, probe.published)
    handler.broken = broken
    return handler


async def consumed(probe: Probe, records: int) -> None:
    async def all_of_them() -> bool:
        return sum((await counts(probe)).values()) == records

    await eventually(all_of_them)


async def test_a_dead_letter_is_found_replayed_and_discarded(probe: Probe, run: Run) -> None:
    first = [result(1, "l1", "refused"), result(2, "l1"), result(3, "l2", "raising"), result(4, "l3")]
    await feed(probe.bootstrap, probe.topic, first)
    async with running(probe, "aiokafka", tally(probe, broken=True), 500):
        await consumed(probe, 4)
        first_of_each = await listed(run, "dlq", "list")
        names = {each["name"].split("/")[5]: each["name"] for each in first_of_each}
        assert sorted(names) == ["l1", "l2"]
        assert {each["state"] for each in first_of_each} == {"WAITING_STATE_DEAD_LETTERED"}
        assert (first_of_each[0]["reason"], first_of_each[0]["field"]) == ("may not be", "activity")
        assert len(await listed(run, "parked")) == 3
        _, shown = await run("dlq", "show", names["l1"])
        assert "waits behind an earlier record of its learner" in shown
        assert shown.count("assessment.result.recorded.v1") == 2

        assert await run("dlq", "replay", names["l1"]) == (1, "stays, and 0 behind it no longer waiting\n")
        assert await run("dlq", "discard", names["l2"]) == (
            0,
            "dead lettered, and 0 behind it no longer waiting\n",
        )
    async with running(probe, "aiokafka", tally(probe, broken=False), 500):
        assert await run("dlq", "replay", names["l1"]) == (0, "applied, and 1 behind it no longer waiting\n")
    (counted,) = await listed(run, "counts")
    assert (counted["topic"], counted["applied"], counted["dead_lettered"]) == (probe.topic, 3, 1)
    assert await histories(probe) == {"probe-a/l1": ".e1.e2", "probe-a/l3": ".e4"}
    connection = await asyncpg.connect(probe.admin)
    operators = await connection.fetchval("select array_agg(distinct asked_by) from chassis.replay")
    await connection.close()
    assert operators == ["registrar's desk"]


async def test_all_that_wait_for_one_reason_are_replayed_at_once(
    probe: Probe, run: Run, paste: Paste
) -> None:
    kinds = ["refused", "raising", "refused", "plain"]
    events = [result(number, f"l{number}", kind) for number, kind in enumerate(kinds)]
    await feed(probe.bootstrap, probe.topic, [*events, result(4, "l0"), result(5, "l2"), result(6, "l2")])
    async with running(probe, "aiokafka", tally(probe, broken=True), 500):
        await consumed(probe, 7)
    async with running(probe, "aiokafka", tally(probe, broken=False), 500):
        replayed = await listed(run, "dlq", "replay-all", "--reason", "may not be")
        assert {each["name"].split("/")[1] for each in replayed} == {"probe-a"}
        assert sorted((each["outcome"], each["followed"]) for each in replayed) == [
            ("applied", 1),
            ("applied", 2),
        ]
        (left,) = await listed(run, "dlq", "list")
        assert left["name"].split("/")[5] == "l1"
        code, told, troubled = await paste("dlq", "replay-all")
        assert re.search(r"records +applied +1 +0", told)
        assert (code, "assessment at" in troubled, "recognition at" in troubled) == (1, True, True)
    assert await listed(run, "dlq", "replay-all") == []
    async with running(probe, "aiokafka", tally(probe, broken=True), 500):
        await feed(probe.bootstrap, probe.topic, [result(7, "l7", "refused")])
        await consumed(probe, 8)
        code, told = await run("dlq", "replay-all")
    assert code == 1
    assert re.search(r"records +stays +1 +0", told)
    (*_, done) = await listed(run, "actions")
    assert (done["kind"], done["operator"]) == ("OPERATOR_ACTION_KIND_REPLAY_RECORD", "registrar's desk")


async def test_a_halted_consumer_shows_and_is_resumed(probe: Probe, run: Run) -> None:
    await feed(
        probe.bootstrap, probe.topic, [result(number, f"l{number}", "raising") for number in range(60)]
    )
    async with running(probe, "aiokafka", tally(probe, broken=True), 500):
        await consumed(probe, MOST_BUGS)
        assert " halted" in (await run("lag"))[1]
        (behind,) = await lags(run)
        assert behind["halted"]
        assert 0 < behind["lag"] <= 60 - MOST_BUGS
    async with running(probe, "aiokafka", tally(probe, broken=False), 500):
        assert await run("consumers", "resume", probe.consumer) == (0, "resumed\n")
        await consumed(probe, 60)
        assert await run("consumers", "resume", probe.consumer) == (1, "it was not halted\n")
    (behind,) = await lags(run)
    assert (behind["lag"], behind["halted"]) == (0, False)
    (consumer,) = await listed(run, "consumers", "list")
    assert "halt_time" not in consumer


async def test_what_waits_for_nobody_is_found_and_discarded(probe: Probe, run: Run, paste: Paste) -> None:
    """A record of nobody and a second content of one id: behind neither of them anything waits."""
    other = result(1, "l1", "another")
    await feed(probe.bootstrap, probe.topic, [result(1, "l1"), other, result(2, "l1")])
    producer = AIOKafkaProducer(bootstrap_servers=probe.bootstrap)
    await producer.start()
    await producer.send_and_wait(probe.topic, b"of nobody", key=b"no key of ours")
    await producer.stop()
    async with running(probe, "aiokafka", tally(probe, broken=True), 500):
        await consumed(probe, 4)
    conflict, nobodys = await listed(run, "dlq", "list")
    assert (conflict["reason"], conflict["field"], conflict["learner"]) == ("conflict", "id", "l1")
    assert conflict["name"].startswith(f"institutions/probe-a/consumers/{probe.consumer}/deadLetters/")
    assert nobodys["name"].startswith("institutions/operator/")
    assert (nobodys["learner"], nobodys["topic"]) == ("", probe.topic)
    counted = await listed(run, "counts")
    assert sum(each["dead_lettered"] for each in counted) == 2

    code, _, troubled = await paste("dlq", "replay", conflict["name"])
    assert code == 1
    assert "any other is published again" in troubled
    assert " discarded " in (await run("dlq", "discard", conflict["name"]))[1]
    assert await listed(run, "dlq", "list") == [nobodys]
    (shown,) = await listed(run, "dlq", "show", conflict["name"])
    assert shown["discard_time"]
    (done,) = await listed(run, "actions")
    assert (done["kind"], done["subject"]) == ("OPERATOR_ACTION_KIND_DISCARD_DEAD_LETTER", conflict["name"])


async def test_the_outbox_is_told_with_its_oldest_row(probe: Probe, run: Run) -> None:
    """No relay runs, so that everything that the probe publishes stays where it is."""

    async def outbox() -> Any:
        code, told = await run("lag", "--json")
        assert code == 0
        (found,) = json.loads(told)["outboxes"]
        return found

    assert await outbox() == {"service": "records", "waiting": "0"}
    await feed(probe.bootstrap, probe.topic, [result(number, f"l{number}") for number in range(4)])
    async with running(probe, "aiokafka", tally(probe, broken=False), 500):
        await consumed(probe, 4)
    found = await outbox()
    assert found["waiting"] == "4"
    assert found["oldest_time"] in (await run("lag"))[1]
    connection = await asyncpg.connect(probe.admin)
    oldest = await connection.fetchval("select min(created_at) from chassis.outbox")
    await connection.close()
    assert datetime.fromisoformat(found["oldest_time"]) == oldest


async def test_a_scan_is_seen_and_paused(probe: Probe, run: Run) -> None:
    connection = await asyncpg.connect(probe.admin)
    await connection.execute(
        "insert into chassis.scan (tenant, epoch, nodes, as_of, looked_at, told, finished_at)"
        " values ('probe-a', 1, '{}', now(), 9, 9, now()), ('probe-a', 2, '{}', now(), 7, 0, null)"
    )
    (scan,) = await listed(run, "scans", "list")
    name = "institutions/probe-a/scans/2"
    assert (scan["name"], scan["paused"], scan["looked_at"], scan["told"]) == (name, False, "7", "0")
    assert await run("scans", "pause", name) == (0, "paused\n")
    assert await run("scans", "pause", name) == (1, "it was not going on\n")
    assert " paused" in (await run("scans", "list"))[1]
    assert await connection.fetchval("select paused from chassis.scan where epoch = 2")
    assert await run("scans", "resume", name) == (0, "resumed\n")
    assert [each["paused"] for each in await listed(run, "scans", "list")] == [False]
    assert await listed(run, "scans", "list", "--tenant", "probe-b") == []
    kinds = [each["kind"] for each in await listed(run, "actions")]
    assert kinds == ["OPERATOR_ACTION_KIND_RESUME_SCAN", "OPERATOR_ACTION_KIND_PAUSE_SCAN"]
    await connection.close()


async def test_every_act_stays_on_record(probe: Probe, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two operators resume one after the other, then one discards: the first is not forgotten."""
    connection = await asyncpg.connect(probe.admin)
    open_breaker = """
        insert into chassis.breaker (consumer, open_since) values ($1, now())
        on conflict (consumer) do update set open_since = now()
    """
    await feed(probe.bootstrap, probe.topic, [result(1, "l1", "refused")])
    async with running(probe, "aiokafka", tally(probe, broken=True), 500):
        await consumed(probe, 1)
        (waiting,) = await listed(run, "dlq", "list")
        for operator in ("anna", "bert"):
            monkeypatch.setenv("CAIRN_OPERATOR", operator)
            await connection.execute(open_breaker, probe.consumer)
            assert await run("consumers", "resume", probe.consumer) == (0, "resumed\n")
            assert await run("consumers", "resume", probe.consumer) == (1, "it was not halted\n")
        await run("dlq", "discard", waiting["name"])
    await connection.close()
    done = await listed(run, "actions")
    assert [(each["operator"], each["kind"], each["subject"]) for each in done] == [
        ("bert", "OPERATOR_ACTION_KIND_DISCARD_RECORD", waiting["name"]),
        ("bert", "OPERATOR_ACTION_KIND_RESUME_CONSUMER", f"consumers/{probe.consumer}"),
        ("anna", "OPERATOR_ACTION_KIND_RESUME_CONSUMER", f"consumers/{probe.consumer}"),
    ]
    assert len(await listed(run, "actions", "--tenant", "probe-b")) == 2
    serving = await asyncpg.connect(probe.serve)
    for statement in (
        "update chassis.operator_action set operator = ''",
        "delete from chassis.operator_action",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await serving.execute(statement)
    await serving.close()


async def test_a_request_that_waits_is_followed_to_its_end(probe: Probe, run: Run, paste: Paste) -> None:
    await feed(probe.bootstrap, probe.topic, [result(1, "l1", "refused")])
    async with running(probe, "aiokafka", tally(probe, broken=True), 500):
        await consumed(probe, 1)
        (waiting,) = await listed(run, "dlq", "list")
    code, told = await run("dlq", "replay", waiting["name"], "--wait", "0")
    assert code == 1
    (command,) = re.findall("`(cairn [^`]*)`", told)
    told_again, troubled = (await paste(*shlex.split(command)[1:]))[1:]
    assert (told_again, troubled) == (told, "")
    async with running(probe, "aiokafka", tally(probe, broken=False), 500):
        ended = await paste(*shlex.split(command)[1:], "--wait", "30")
    assert ended == (0, "applied, and 0 behind it no longer waiting\n", "")
    code, _, troubled = await paste("dlq", "request", f"institutions/probe-a/replays/{uuid4()}")
    assert code == 1
    assert "cannot be asked" in troubled


async def test_who_discards_is_told_what_was_passed_over(probe: Probe, run: Run) -> None:
    request = uuid4()
    connection = await asyncpg.connect(probe.admin)
    await connection.execute(
        "insert into chassis.replay (tenant, id, consumer, learner, place, action, asked_by, done_at,"
        " outcome, followed, skipped_subject, skipped_revision)"
        " values ('probe-a', $1, $2, 'l1', 1, 'discard', 'op', now(), 'dead_lettered', 2, 'urn:[bold]m1', 3)",
        request,
        probe.consumer,
    )
    await connection.close()
    name = f"institutions/probe-a/replays/{request}"
    told = "dead lettered, and 2 behind it no longer waiting; revision 3 of urn:[bold]m1 is passed over\n"
    assert await run("dlq", "request", name) == (0, told)
    _, document = await run("dlq", "request", name, "--json")
    answer = json.loads(document)
    assert (answer["skipped_subject"], answer["skipped_revision"]) == ("urn:[bold]m1", 3)


async def test_who_answers_is_told_of_where_another_service_is_down(probe: Probe, paste: Paste) -> None:
    await feed(probe.bootstrap, probe.topic, [result(number, f"l{number}") for number in range(6)])
    async with running(probe, "aiokafka", tally(probe, broken=False), 500):
        await consumed(probe, 6)
    for arguments in (("counts",), ("lag",), ("consumers", "list"), ("parked",)):
        code, told, troubled = await paste(*arguments, "--json")
        assert code == 1
        assert '"recognition"' not in told
        assert re.findall(r"^error: (\w+) at 127", troubled, re.MULTILINE) == ["assessment", "recognition"]
    _, told, _ = await paste("counts")
    assert re.search(rf"records +{probe.consumer} +{probe.topic} +6 ", told)


async def test_zeros_are_told_to_machines(probe: Probe, run: Run) -> None:
    await feed(probe.bootstrap, probe.topic, [result(1, "l1")])
    async with running(probe, "aiokafka", tally(probe, broken=False), 500):
        await consumed(probe, 1)
    (consumer,) = await listed(run, "consumers", "list")
    (progress,) = [each for each in consumer["partitions"] if each["applied"] == "1"]
    assert [progress[name] for name in ("duplicate", "ignored", "parked", "dead_lettered")] == ["0"] * 4


async def test_a_loss_is_found_and_accepted_by_the_command_that_names_it(
    probe: Probe, run: Run, paste: Paste
) -> None:
    await feed(probe.bootstrap, probe.topic, [result(number, f"l{number}") for number in range(6)])
    async with running(probe, "aiokafka", tally(probe, broken=False), 500):
        await consumed(probe, 6)
    assert await listed(run, "consumers", "losses") == []
    await make_again(probe.bootstrap, probe.topic)
    await feed(probe.bootstrap, probe.topic, [result(number, f"l{number}") for number in range(4, 8)])
    with pytest.raises(RecordsLost) as caught:
        await ends_by_itself(probe, "aiokafka")
    (loss,) = await listed(run, "consumers", "losses")
    assert f"`cairn consumers accept {loss['name']}`" in caught.value.reason
    assert loss["stored_topic_id"] in caught.value.reason
    assert loss["found_topic_id"] in caught.value.reason
    assert f"made again: {loss['stored_topic_id']} is now" in (await run("consumers", "losses"))[1]

    (command,) = re.findall("`(cairn [^`]*)`", caught.value.reason)
    assert await paste(*shlex.split(command)[1:]) == (0, f"{loss['name']}: accepted\n", "")
    told = f"{loss['name']}: it does not stand any more\n"
    assert await run("consumers", "accept", loss["name"]) == (1, told)
    async with running(probe, "aiokafka", tally(probe, broken=False), 500):
        await consumed(probe, 10)
    assert (await counts(probe))["applied"] == 8
    connection = await asyncpg.connect(probe.admin)
    assert await connection.fetchval("select accepted_by from chassis.loss") == "registrar's desk"
    await connection.close()


async def test_pages_and_tenants_and_what_cannot_be_asked(probe: Probe, address: str) -> None:
    events = [
        result(number, f"l{number % 5}", "refused", tenant=f"probe-{'ab'[number % 2]}")
        for number in range(30)
    ]
    await feed(probe.bootstrap, probe.topic, events)
    async with running(probe, "aiokafka", tally(probe, broken=True), 500):
        await consumed(probe, 30)
    await move_heads_to_the_front(probe)
    async with open_operations(address, "op") as client:
        names = [each.name async for each in client.waiting("probe-a")]
        assert len(names) == 15
        assert sum("/records/-" in name for name in names) == 5
        assert all(name.startswith("institutions/probe-a/") for name in names)
        assert len([each async for each in client.waiting("probe-a", first_only=True)]) == 5
        assert len([each async for each in client.waiting("probe-a", learner="l2")]) == 3
        with pytest.raises(CallError, match="fields") as caught:
            await client.replay(names[1])
        assert caught.value.violations[0].description == "must name the first waiting record of the learner"
        with pytest.raises(CallError) as caught:
            await client.discard(names[0].replace("probe-a", "probe-c"))
        assert caught.value.reason == "NOT_FOUND"
    async with grpc.aio.insecure_channel(address) as channel:
        stub = OperationsServiceStub(channel)
        assert await all_pages(stub, "institutions/probe-a/consumers/-/learners/-") == names
        await check_requests(stub, names[0])


async def move_heads_to_the_front(probe: Probe) -> None:
    """Give each learner's first record a place before all others, as one has that stood in the way."""
    connection = await asyncpg.connect(probe.admin)
    await connection.execute(
        "update chassis.parked set place = nextval('chassis.parked_front')"
        " where (tenant, learner, place) in"
        " (select tenant, learner, min(place) from chassis.parked group by tenant, learner)"
    )
    await connection.close()


async def all_pages(stub: Any, parent: str) -> list[str]:
    request = ListWaitingRecordsRequest(parent=parent, page_size=4)
    names: list[str] = []
    while True:
        page = await stub.ListWaitingRecords(request)
        names += [each.name for each in page.records]
        if not page.next_page_token:
            return names
        request.page_token = page.next_page_token


async def check_requests(stub: Any, name: str) -> None:
    request = ReplayRecordRequest(name=name, operator="op", request_id=str(uuid4()))
    first, again = await stub.ReplayRecord(request), await stub.ReplayRecord(request)
    assert first.replay == again.replay
    wrong = {"request_id": ["", "1"], "operator": ["", "x" * 129, "\n"], "name": ["", "a/b", f"{name}x"]}
    for field, text in ((field, text) for field, texts in wrong.items() for text in texts):
        other = ReplayRecordRequest()
        other.CopyFrom(request)
        setattr(other, field, text)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ReplayRecord(other)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("runner", ["aiokafka", "faust"])
async def test_a_consumer_is_paused_and_goes_on_where_it_was(probe: Probe, run: Run, runner: str) -> None:
    await feed(probe.bootstrap, probe.topic, [result(number, "l1") for number in range(3)])
    async with running(probe, runner, tally(probe, broken=False), 500) as health:
        await consumed(probe, 3)
        assert await run("consumers", "pause", probe.consumer) == (0, "paused\n")
        assert await run("consumers", "pause", probe.consumer) == (1, "it was halted before\n")
        await feed(probe.bootstrap, probe.topic, [result(number, "l1") for number in range(3, 6)])

        async def paused() -> bool:
            return "an operator" in str(health.report()["conditions"]) and not health.ready

        await eventually(paused)
        (consumer,) = await listed(run, "consumers", "list")
        assert consumer["pausing_operator"] == "registrar's desk"
        assert " by registrar's desk" in (await run("consumers", "list"))[1]
        assert sum((await counts(probe)).values()) == 3
        code, told = await run("consumers", "resume", probe.consumer, "--json")
        assert (code, json.loads(told)) == (0, {"consumer": probe.consumer, "resumed": True})
        await consumed(probe, 6)
        assert "paused" not in str(health.report())
    assert await histories(probe) == {"probe-a/l1": ".e0.e1.e2.e3.e4.e5"}
    kinds = [each["kind"] for each in await listed(run, "actions")]
    assert kinds == ["OPERATOR_ACTION_KIND_RESUME_CONSUMER", "OPERATOR_ACTION_KIND_PAUSE_CONSUMER"]


async def test_nobody_pauses_a_consumer_that_there_is_not(paste: Paste) -> None:
    code, _, troubled = await paste("pause", "nobody")
    assert code == 1
    assert "consumers/nobody" in troubled


async def doctor(paste: Paste, *arguments: str) -> tuple[int | None, dict[tuple[str, str], Any]]:
    """Return the exit code and what was found, by where and what; of several the worst comes first."""
    code, told, _ = await paste("doctor", "--service", "records", *arguments, "--json")
    found: dict[tuple[str, str], Any] = {}
    for each in sorted(json.loads(told), key=lambda one: one["severity"]):  # error, fine, warning
        found.setdefault((each["where"], each["subject"]), each)
    return code, found


async def test_a_doctor_finds_what_is_right(probe: Probe, paste: Paste) -> None:
    await feed(probe.bootstrap, probe.topic, [result(1, "l1")])
    async with running(probe, "aiokafka", tally(probe, broken=False), 500):
        await consumed(probe, 1)

        async def stable() -> bool:
            return bool((await doctor(paste))[1]["kafka", "groups"]["severity"] == "fine")

        await eventually(stable)
        _, found = await doctor(paste)
    assert found["kafka", "groups"]["found"] == f"{probe.consumer}: 1 of runner aiokafka, stable"
    assert {where: each["severity"] for where, each in found.items() if where[0] == "records"} == {
        ("records", "database"): "fine",
        ("records", "migrations"): "fine",
        ("records", "clocks"): "fine",
        ("records", "relay"): "fine",
    }


async def test_a_doctor_names_each_trouble_with_what_to_do(
    probe: Probe, run: Run, paste: Paste, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    await feed(probe.bootstrap, probe.topic, [result(1, "l1")])
    async with running(probe, "faust", tally(probe, broken=False), 500):
        await consumed(probe, 1)

        async def by_faust() -> bool:
            return "runner faust, stable" in (await doctor(paste))[1]["kafka", "groups"]["found"]

        await eventually(by_faust)
    await run("consumers", "pause", probe.consumer)
    connection = await asyncpg.connect(probe.admin)
    await connection.execute(
        "update chassis.outbox set created_at = now() - interval '90 s';"
        " update migrations.chassis set version_num = '0001'"
    )
    code, found = await doctor(paste)
    assert code == 1
    assert found["records", "consumer"]["advice"] == f"`cairn resume {probe.consumer}`"
    assert found["records", "relay"]["severity"] == "error"
    assert found["records", "migrations"]["advice"] == "run the service's `migrate`"
    assert found["kafka", "groups"]["found"] == f"nobody consumes {probe.consumer}"
    await connection.execute("update chassis.breaker set paused_by = null")
    await connection.close()
    code, told, _ = await paste("doctor", "--service", "records")
    assert f"then `cairn resume {probe.consumer}`" in told
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{unused_tcp_port}")
    code, found = await doctor(paste, "--service", "recognition")
    assert code == 1
    assert found["kafka", "brokers"]["severity"] == "error"
    assert found["recognition", "service"]["severity"] == "error"
