# SPDX-License-Identifier: Apache-2.0
"""What intake has put aside is taken in again from its sealed bytes, by an operator's request."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from cairn.cloudevents import CloudEvent
from cairn.operations.v1.operations_service_pb2_grpc import add_OperationsServiceServicer_to_server
from chassis.health import Health
from chassis.operations.letters import LetterName
from chassis.operations.service import NAME, OperationsService
from chassis.operations.store import OperationsStore
from chassis.rpc.operators import OperatorsHere
from chassis.rpc.server import RpcServer
from chassis.streams.message import Partition, Record
from chassis.unit import breaker
from services.assessment.adapters.ingest import raw_bytes, read_raw
from services.assessment.app.arrival import Arrival, Candidate, read
from services.assessment.app.intake import RESULTS
from tests.integration.command import Said, cairn
from tests.integration.services.assessment.house import RECORDED, House, examiner_of, native, retraction, who

SECRET = "marker-55bb"
_STRUCTURED = [("content-type", b"application/cloudevents+json"), ("x-\xff", b"\xfe\x00")]
_COUNTS = "select applied, duplicate, ignored, parked, dead_lettered from chassis.fence"
_LETTERS = """
select id, reason, field, replayed_at is not null as replayed from chassis.dead_letter order by id
"""
Run: TypeAlias = Callable[..., Awaitable[Said]]


def _structured(event: dict[str, Any]) -> tuple[Any, bytes]:
    return tuple(_STRUCTURED), json.dumps(event).encode()


def _binary(event: dict[str, Any]) -> tuple[Any, bytes]:
    headers = [(f"ce_{name}", event[name].encode()) for name in ("specversion", "id", "source", "type")]
    return tuple(headers), json.dumps(event["data"]).encode()


async def _take(house: House, *sent: tuple[Any, bytes | None], behind: int = 0) -> None:
    at = Partition(house.source.topic, 0)
    work = house.intake_work()
    await work.claim({at: behind})
    records = [Record(at, behind + n, None, value, headers, 0) for n, (headers, value) in enumerate(sent)]
    await work.run(records)


async def _counted(house: House) -> list[int]:
    (row,) = await house.look(_COUNTS)
    return list(row)


async def _letters(house: House) -> list[tuple[int, str, str, bool]]:
    return [tuple(row) for row in await house.look(_LETTERS)]


async def _ask(house: House, number: int) -> UUID:
    request = uuid4()
    store = OperationsStore(house.serve)
    await store.ask_letter(house.tenant, request, LetterName("intake", number), "registrar")
    return request


async def _outcome(house: House, request: UUID) -> str:
    found = await OperationsStore(house.serve).replay(house.tenant, request)
    assert found is not None
    return found.outcome


async def _replayed(house: House, number: int) -> str:
    request = await _ask(house, number)
    assert await house.letter_replays().next()
    return await _outcome(house, request)


async def _told(house: House) -> list[Any]:
    """Return every result that is published, in any order, without its trace."""
    return sorted(
        (record.key, [header for header in record.headers if header[0] != "ce_traceparent"], record.value)
        for record in await house.outbox(RESULTS)
    )


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[str]], None]:
    """Return what has reading raise at some events; ``monkeypatch.undo`` mends it."""

    def plant(ids: Sequence[str]) -> None:
        def stumbling(arrival: Arrival, *rest: Any) -> Candidate:
            if isinstance(arrival.event, CloudEvent) and arrival.event.id in ids:
                raise KeyError(SECRET)
            return read(arrival, *rest)

        monkeypatch.setattr("services.assessment.app.intake.read", stumbling)

    return plant


@pytest.fixture
async def letter(
    house: House, raising: Callable[[Sequence[str]], None], monkeypatch: pytest.MonkeyPatch
) -> int:
    """Return the number of the one dead letter there is, at whose record reading does not raise any more."""
    raising(["e1"])
    await _take(house, _structured(native(1)))
    monkeypatch.undo()
    ((number, *_),) = await _letters(house)
    return number


async def test_what_a_bad_deployment_put_aside_is_taken_in_byte_by_byte(
    house: House, raising: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if it had been taken in when it came, in either mode, results and retractions."""
    events = [native(n, learner=who(f"{SECRET}{n % 2}"), attempt=n + 1) for n in range(3)]
    sent = [_structured(events[0]), _binary(events[1]), _structured(events[2]), _binary(retraction(9, 0))]
    raising(["e0", "e1", "e9"])
    await _take(house, *sent)
    assert await _counted(house) == [1, 0, 0, 0, 3]
    monkeypatch.undo()
    assert [await _replayed(house, letter[0]) for letter in await _letters(house)] == ["applied"] * 3
    assert await _counted(house) == [4, 0, 0, 0, 0]
    assert all(replayed for *_, replayed in await _letters(house))
    assert SECRET not in await house.everything()
    told = await _told(house)

    peace = House(house.admin, house.database, house.serve, house.consume, house.relay, house.dsns)
    peace.source = house.source
    await _clear(house)
    await _take(peace, *sent)
    assert told == await _told(peace)


async def _clear(house: House) -> None:
    for table in ("chassis.outbox", "chassis.fence", "assessment.statement", "assessment.raw_payload"):
        await house.look(f"delete from {table}")  # noqa: S608 - names from above


async def test_a_letter_replayed_twice_is_gone_and_counted_once(house: House, letter: int) -> None:
    assert [await _replayed(house, letter), await _replayed(house, letter)] == ["applied", "gone"]
    assert await _counted(house) == [1, 0, 0, 0, 0]
    assert len(await _told(house)) == 1


async def test_two_processes_do_not_take_one_letter_in_twice(house: House, letter: int) -> None:
    requests = [await _ask(house, letter) for _ in range(2)]
    one, other = house.letter_replays(), house.letter_replays()
    await asyncio.gather(
        *(each.carry_out(house.tenant, request) for each, request in zip((one, other), requests, strict=True))
    )
    assert sorted([await _outcome(house, each) for each in requests]) == ["applied", "gone"]
    assert await _counted(house) == [1, 0, 0, 0, 0]


async def test_what_its_sender_has_published_again_is_a_repeat(house: House, letter: int) -> None:
    await _take(house, _binary(native(1)), behind=1)
    assert await _replayed(house, letter) == "duplicate"
    assert await _counted(house) == [1, 1, 0, 0, 0]
    assert len(await _told(house)) == 1


async def test_what_is_refused_once_more_stays_with_its_new_reason(
    house: House, raising: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at which reading had raised before it came to that, and two that are no envelope at all."""
    raising(["e1", "e2"])
    unread = ((), b"\xff\xfe")
    await _take(
        house, _structured(native(1, attempt=2)), _binary(native(2, tenant=SECRET)), unread, ((), None)
    )
    monkeypatch.undo()
    await _take(house, _structured(native(1)), behind=4)
    letters = await _letters(house)
    assert [await _replayed(house, letter[0]) for letter in letters] == ["stays"] * 4
    assert [letter[1:] for letter in await _letters(house)] == [
        ("conflict", "id", False),
        ("names another tenant than the source's", "tenant", False),
        *(letter[1:] for letter in letters[2:]),
    ]
    assert await _counted(house) == [1, 0, 0, 0, 4]
    assert len(await house.outbox(house.source.topic + ".dlq")) == 4
    assert SECRET not in await house.everything()


async def test_what_cannot_be_read_any_more_fails_and_holds_up_nobody(
    house: House, raising: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(["e1", "e2"])
    await _take(house, _structured(native(1)), _structured(native(2)))
    monkeypatch.undo()
    (one, *_), (two, *_) = await _letters(house)
    await house.look(
        "delete from assessment.raw_payload using chassis.dead_letter as letter"
        " where raw_payload.id = letter.payload::uuid and letter.id = $1",
        one,
    )
    assert [await _replayed(house, number) for number in (one, two)] == ["stays", "applied"]
    gone = "its bytes cannot be read any more: publish it again"
    assert (await _letters(house))[0][1:] == (gone, "", False)
    assert await _counted(house) == [1, 0, 0, 0, 1]


async def test_bytes_whose_key_is_destroyed_are_gone(house: House, letter: int) -> None:
    await house.look("delete from assessment.data_key")
    assert await _replayed(house, letter) == "stays"
    assert "cannot be read any more" in (await _letters(house))[0][1]


async def test_what_reading_raises_at_once_more_stays_with_where_that_is(
    house: House, letter: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether our own code raises or the database refuses it."""

    def otherwise(*_: Any) -> Candidate:
        raise LookupError(SECRET)

    monkeypatch.setattr("services.assessment.app.intake.read", otherwise)
    with capture_logs() as lines:
        assert await _replayed(house, letter) == "stays"
    assert "raised LookupError in " in (await _letters(house))[0][1]
    assert SECRET not in str(lines)
    monkeypatch.undo()
    await house.look("alter table assessment.statement add constraint none check (tenant = 'none')")
    try:
        assert await _replayed(house, letter) == "stays"
    finally:
        await house.look("alter table assessment.statement drop constraint none")
    assert (await _letters(house))[0][1] == "refused by the database, SQLSTATE 23514"
    assert await _replayed(house, letter) == "applied"
    assert await _counted(house) == [1, 0, 0, 0, 0]


async def test_what_is_discarded_meanwhile_is_not_taken_in(house: House, letter: int) -> None:
    """Nor does anybody discard what has been taken in."""
    store, name = OperationsStore(house.serve), LetterName("intake", letter)
    request = await _ask(house, letter)
    await store.discard_letter(house.tenant, name, "registrar")
    assert await house.letter_replays().next()
    assert await _outcome(house, request) == "gone"
    await house.look("update chassis.dead_letter set discarded_at = null")
    assert await _replayed(house, letter) == "applied"
    found = await store.discard_letter(house.tenant, name, "registrar")
    assert found is not None
    assert found.discarded_at is None


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ((), None),
        ((), b""),
        ((("a\nb", None), ("x-\xff", bytes(range(256)))), b"\n\x00\xff"),
        ((("content-type", b""), ("content-type", None)), b"{}"),
    ],
)
def test_what_arrives_is_kept_byte_for_byte(headers: Any, value: bytes | None) -> None:
    assert read_raw(raw_bytes(headers, value)) == (headers, value)


async def test_a_halted_consumer_takes_nothing_in_until_it_is_resumed(house: House, letter: int) -> None:
    request = await _ask(house, letter)
    await house.look(
        "insert into chassis.breaker (consumer, open_since) values ('intake', now())"
        " on conflict (consumer) do update set open_since = now()"
    )
    with suppress(breaker.BreakerOpen):
        await house.letter_replays().next()
    assert await _outcome(house, request) == ""
    async with house.serve.acquire() as connection:
        assert await breaker.resume(connection, "intake")
    assert await house.letter_replays().next()
    assert await _outcome(house, request) == "applied"


@pytest.fixture
async def run(house: House, unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[Run]:
    """Return what runs a command about assessment, whose intake carries out what is asked."""
    server = RpcServer([NAME], 0, Health())
    add_OperationsServiceServicer_to_server(
        OperationsService(house.serve, OperatorsHere(), examiner_of(house)), server.server
    )
    stop = asyncio.Event()
    tasks = [asyncio.create_task(each(stop)) for each in (server.run, house.letter_replays().run)]
    environment = {
        "CAIRN_ASSESSMENT_ADDRESS": f"127.0.0.1:{server.port}",
        "CAIRN_RECOGNITION_ADDRESS": f"127.0.0.1:{unused_tcp_port_factory()}",
        "CAIRN_RECORDS_ADDRESS": f"127.0.0.1:{unused_tcp_port_factory()}",
        "CAIRN_TENANT": house.tenant,
        "CAIRN_OPERATOR": "registrar",
        "COLUMNS": "250",
    }

    async def call(*arguments: str) -> Said:
        return await cairn(*arguments, "--service", "assessment", environment=environment)

    yield call
    stop.set()
    await asyncio.gather(*tasks)


async def test_an_operator_replays_by_the_command(
    house: House, run: Run, raising: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(["e1", "e2", "e3"])
    newer = {**native(4), "type": RECORDED.replace(".v1", ".v2")}
    await _take(house, *(_structured(native(n, attempt=n)) for n in range(1, 4)), _structured(newer))
    monkeypatch.undo()
    _, told, _ = await run("dlq", "list", "--json")
    names = [each["name"] for each in json.loads(told)]
    assert len(names) == 4
    assert await run("dlq", "replay", names[0]) == (0, "applied\n", "")
    code, _, troubled = await run("dlq", "replay", names[0])
    assert (code, "no such dead letter any more" in troubled) == (1, True)
    assert await run("dlq", "replay", names[3]) == (1, "stays\n", "")
    _, told, _ = await run("dlq", "show", names[0])
    assert "replayed" in told
    _, told, _ = await run("dlq", "show", names[1], "--json")
    reason = json.loads(told)[0]["reason"]
    code, told, _ = await run("dlq", "replay-all", "--reason", reason, "--json")
    assert code == 0
    assert [each["outcome"] for each in json.loads(told)] == ["applied", "applied"]
    _, told, _ = await run("dlq", "list", "--json")
    assert [each["name"] for each in json.loads(told)] == [names[3]]
    _, told, _ = await run("actions", "--json")
    kinds = {each["kind"] for each in json.loads(told)}
    assert kinds == {"OPERATOR_ACTION_KIND_REPLAY_DEAD_LETTER"}
    assert await _counted(house) == [3, 0, 0, 0, 1]


async def test_a_letter_without_its_bytes_is_refused_with_what_would_be_right(house: House, run: Run) -> None:
    await house.look(
        "insert into chassis.dead_letter"
        ' (tenant, consumer, learner, topic, partition, "offset", reason, field, payload)'
        " values ($1, 'results', '', 't', 0, 1, 'conflict', 'id', '')",
        house.tenant,
    )
    _, told, _ = await run("dlq", "list", "--json")
    (letter,) = json.loads(told)
    code, _, troubled = await run("dlq", "replay", letter["name"])
    assert code != 0
    assert "must name a dead letter whose bytes intake keeps" in troubled
