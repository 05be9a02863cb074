# SPDX-License-Identifier: Apache-2.0
"""The HTTP door: a verdict on every item, whatever it is, and nothing of it anywhere in the clear."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx2
import pytest

from chassis.database import open_pool
from services.assessment.adapters.door import Door
from services.assessment.adapters.http_door import http_application
from services.assessment.app.intake import RESULTS
from services.assessment.app.sealing import MasterKey, unseal
from tests.integration.services.assessment.house import (
    BATCH,
    MASTER,
    PARTITIONS,
    STRUCTURED,
    House,
    native,
    retraction,
    who,
)

WAITS = """
select exists (
    select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()
)
"""
SECRET = "marker-5f1c"  # stands in every bad item and must be found nowhere


@asynccontextmanager
async def holding_the_counts(house: House) -> AsyncIterator[asyncpg.Connection]:
    """Hold what every request of the source counts in, and never be the one whom a deadlock ends."""
    holder = await asyncpg.connect(house.admin, database=house.database)
    try:
        async with holder.transaction():
            await holder.execute("set local deadlock_timeout = '60s'")
            await holder.execute("select from assessment.door_count for update")
            yield holder
    finally:
        await holder.close()


def _without(name: str) -> dict[str, Any]:
    event = native(SECRET)
    del event[name]
    return event


def _number(text: str) -> str:
    return json.dumps(native(SECRET)).replace('"50"', text)


BAD: list[tuple[str, str, str]] = [
    (json.dumps(native(SECRET, learner="x")), "learner", ""),
    (json.dumps(native(SECRET, attempt="1")), "attempt", ""),
    (json.dumps(native(SECRET, attempt=True)), "attempt", ""),
    (json.dumps(native(SECRET, occurred_at=1700000000)), "occurred_at", ""),
    (json.dumps({**native(SECRET), "type": f"org.example.{SECRET}.v1"}), "type", "unknown_type"),
    (json.dumps({**native(SECRET), "type": "org.cairn.ingest.result.recorded.v2"}), "type", "unknown_major"),
    (
        json.dumps({**native(SECRET), "type": "org.cairn.assessment.result.recorded.v1"}),
        "type",
        "unknown_type",
    ),
    (json.dumps(native(SECRET, tenant=SECRET)), "tenant", ""),
    (json.dumps(native(SECRET, score={"raw": "101", "min": "0", "max": "100"})), "score", ""),
    (json.dumps(native(SECRET, score={"raw": "1", "min": "1", "max": "1"})), "score", ""),
    (_number("NaN"), "value", ""),
    (_number('"NaN"'), "score.raw", ""),
    (_number("1e400"), "score.raw", ""),
    (_number("50.12345678901"), "score.raw", ""),
    (_number("49.99999999999999999999"), "score.raw", ""),
    (json.dumps(native(SECRET, activity=f"https://{SECRET}.example/" + "x" * 10_000_000)), "value", ""),
    (json.dumps(_without("id")), "id", ""),
    (json.dumps({**native(SECRET), "id": SECRET * 100}), "id", ""),
    (json.dumps(_without("specversion")), "specversion", ""),
    (json.dumps(native(SECRET, occurred_at="9999-12-31T23:59:59Z")), "occurred_at", ""),
    (json.dumps(native(SECRET, modified_at="9999-12-31T23:59:59Z")), "modified_at", ""),
    (json.dumps(native(SECRET, occurred_at="1899-12-31T23:59:59Z")), "occurred_at", ""),
    (json.dumps(native(SECRET, occurred_at="2026-03-02T12:00:01Z")), "occurred_at", ""),
    (json.dumps(native(SECRET, occurred_at="2026-02-01T10:00:00")), "occurred_at", ""),
    (json.dumps(native(SECRET, activity=f"https://{SECRET}.example/\x00")), "activity", ""),
    (json.dumps(native(SECRET, outcome=SECRET)), "outcome", ""),
    (f'{{"specversion": "1.0", "id": "{SECRET}", ', "value", ""),
    (f'"{SECRET}"', "value", ""),
    ("[" * 2000 + "]" * 2000, "value", ""),
]


@pytest.mark.parametrize(("bad", "field", "reason"), BAD, ids=range(len(BAD)))
async def test_a_bad_item_gets_its_verdict_and_spoils_no_other(
    shared: House,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    bad: str,
    field: str,
    reason: str,
) -> None:
    body = f"[{json.dumps(native(1))},{bad},{json.dumps(native(2))}]"
    async with shared.client() as client:
        answer = await client.post(shared.path, content=body.encode(), headers={"content-type": BATCH})
    if answer.status_code == 400:
        assert bad.startswith("{") and not bad.endswith("}")  # noqa: PT018 - no array any more
        assert answer.json()["field"] == "value"
        return
    told = answer.json()
    assert [item["verdict"] for item in told["items"]] == ["stored", "refused", "stored"]
    assert told["counts"] == {"stored": 2, "refused": 1}
    assert told["items"][1]["field"] == field
    assert told["items"][1]["reason"]
    assert not reason or told["items"][1]["reason"] == reason
    assert SECRET not in told["items"][1]["reason"]
    assert SECRET not in caplog.text + "".join(capfd.readouterr())
    assert SECRET not in await shared.everything()
    assert len(await shared.outbox(RESULTS)) == 2


async def test_one_bad_item_among_a_thousand(shared: House) -> None:
    events = [native(number) for number in range(1000)]
    events[500] = native(500, score={"raw": "-1", "min": "0", "max": "100"})
    told = await shared.post(*events)
    assert told["counts"] == {"stored": 999, "refused": 1}
    assert told["items"][500]["verdict"] == "refused"
    counts = await shared.look(
        "select stored, duplicate, conflict, refused from assessment.door_count where tenant = $1",
        shared.tenant,
    )
    assert [tuple(row) for row in counts] == [(999, 0, 0, 1)]


async def test_right_to_left_and_emoji_text_passes(shared: House) -> None:
    name = "نورة \u202eمحمد 🎓"
    learner = {"issuer": "https://lms.example", "kind": "name", "value": name}
    told = await shared.post(native("نورة-🎓", learner=learner, activity="https://example.org/نورة/🎓"))
    assert told["items"][0]["verdict"] == "stored"
    assert "محمد" not in await shared.everything()


async def test_the_same_again_is_a_duplicate_and_other_content_a_conflict(shared: House) -> None:
    other = native(1, score={"raw": "51", "min": "0", "max": "100"})
    told = await shared.post(native(1), native(1), other)
    assert [item["verdict"] for item in told["items"]] == ["stored", "duplicate", "conflict"]
    assert told["items"][2]["field"] == "id"
    same = native(1, score={"max": "100.0", "min": 0, "raw": 50})
    again = await shared.post(same, other)
    assert [item["verdict"] for item in again["items"]] == ["duplicate", "conflict"]
    assert len(await shared.outbox(RESULTS)) == 1


async def test_an_exact_number_is_read_exactly(shared: House) -> None:
    event = json.dumps(native(1)).replace('"50"', "1.1234567891").replace('"100"', "1234567890.1234567891")
    async with shared.client() as client:
        answer = await client.post(shared.path, content=event, headers={"content-type": STRUCTURED})
    assert answer.json()["counts"] == {"stored": 1}
    published = json.loads((await shared.outbox(RESULTS))[0].value or b"")
    assert published["score"] == {"raw": "1.1234567891", "min": "0", "max": "1234567890.1234567891"}


async def test_the_binary_mode(shared: House) -> None:
    event = native(1)
    headers = {f"ce-{name}": event[name] for name in ("specversion", "id", "source", "type")}
    headers["content-type"] = "application/json"
    async with shared.client() as client:
        answer = await client.post(shared.path, content=json.dumps(event["data"]), headers=headers)
    assert answer.json()["counts"] == {"stored": 1}


@pytest.mark.parametrize(
    ("path", "media_type", "body", "status"),
    [
        ("", BATCH, b"[]", 400),
        ("", BATCH, b"", 400),
        ("", BATCH, b"{}", 400),
        ("", BATCH, b"\xff\xfe", 400),
        ("", "application/json", b"{}", 415),
        ("/../../nobody/events", BATCH, b"[]", 404),
        ("", BATCH, b"[" + b" " * 34_000_000 + b"]", 413),
    ],
)
async def test_a_request_that_is_not_taken_in_at_all(
    shared: House, path: str, media_type: str, body: bytes, status: int
) -> None:
    async with shared.client() as client:
        answer = await client.post(shared.path + path, content=body, headers={"content-type": media_type})
    assert answer.status_code == status
    assert answer.json()["reason"]


async def test_a_body_that_comes_too_slowly_is_not_waited_for(
    shared: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.assessment.adapters.http_door._BODY_SECONDS", 0.2)
    rest = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"["
        await rest.wait()

    async with shared.client() as client, asyncio.timeout(30):
        answer = await client.post(shared.path, content=slowly(), headers={"content-type": BATCH})

    assert (answer.status_code, answer.headers["connection"]) == (408, "close")
    assert answer.json()["reason"]


async def test_too_much_waiting_to_be_published_is_told_with_a_time_to_come_again(shared: House) -> None:
    await shared.post(native(1), native(2))
    waiting = (await shared.look("select count(*) from chassis.outbox"))[0][0]
    async with shared.client(backlog=waiting) as client:
        answer = await client.post(
            shared.path, content=json.dumps(native(3)), headers={"content-type": STRUCTURED}
        )
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert len(await shared.outbox(RESULTS)) == 2


async def test_who_is_in_the_way_for_long_is_told_with_a_time_to_come_again(house: House) -> None:
    await house.post(native(1))
    pool = await open_pool(house.dsns["serve"], 1)
    await pool.execute("set lock_timeout = '200ms'")
    door = Door(pool, house.intake(), PARTITIONS, 100_000)
    application = http_application(door, {house.source.name: house.source}, None)
    transport = httpx2.ASGITransport(application)
    async with (
        holding_the_counts(house),
        httpx2.AsyncClient(transport=transport, base_url="http://d") as client,
    ):
        answer = await client.post(
            house.path, content=json.dumps(native(2)), headers={"content-type": STRUCTURED}
        )
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "may have been stored" in answer.json()["reason"]
    await pool.close()


async def test_a_deadlock_is_done_again(house: House) -> None:
    await house.post(native(1))
    async with holding_the_counts(house) as holder:
        posting = asyncio.create_task(house.post(native(2)))
        async with asyncio.timeout(20):
            while not await holder.fetchval(WAITS):  # noqa: ASYNC110 - a database must be asked
                await asyncio.sleep(0.01)
        await holder.execute("lock table assessment.statement in share mode")
    assert (await posting)["counts"] == {"stored": 1}


async def test_the_openapi_page(shared: House) -> None:
    async with shared.client() as client:
        assert (await client.get("/docs")).status_code == 200
        described = (await client.get("/openapi.json")).json()
    operation = described["paths"]["/v1/sources/{source}/events"]["post"]
    assert {BATCH, STRUCTURED} <= set(operation["requestBody"]["content"])


async def _opened(house: House) -> list[dict[str, Any]]:
    """Open every payload with the key that is stored beside it."""
    rows = await house.look(
        "select tenant, subject, source, id, sealed, wrapped from assessment.raw_payload"
        " join assessment.data_key using (tenant, subject) where tenant = $1",
        house.tenant,
    )
    opened = []
    for tenant, subject, source, payload, sealed, wrapped in rows:
        assert subject.startswith("learner/")
        key = MasterKey(MASTER).unwrap(wrapped, tenant, subject)
        opened.append(json.loads(unseal(key, sealed, tenant, source, str(payload)).partition(b"\n")[2]))
    return opened


async def test_no_table_holds_an_identifier_and_the_key_opens_what_was_sent(shared: House) -> None:
    learner = who("grace")
    sent = [native(1, learner=learner), retraction(2, 1, learner=learner, reason="grace asked")]
    await shared.post(*sent)
    assert "grace" not in await shared.everything()
    opened = await _opened(shared)
    assert sorted(opened, key=lambda event: str(event["id"])) == sent


async def test_a_key_of_before_a_restore_seals_nothing(house: House) -> None:
    """A key that the restored database does not have would seal payloads for nobody."""
    learner = who("grace")
    first, second, third = (native(number, learner=learner) for number in (1, 2, 3))
    async with house.client() as client:
        for event in (first, second):  # with the second, a key that is stored is in mind
            await _post(client, house.path, event)
        await house.look("truncate assessment.data_key, assessment.raw_payload, assessment.statement")
        await house.look(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        await asyncio.sleep(0.5)
        await _post(client, house.path, third)
    assert await _opened(house) == [third]


async def _post(client: httpx2.AsyncClient, path: str, event: dict[str, Any]) -> None:
    answer = await client.post(path, content=json.dumps([event]).encode(), headers={"content-type": BATCH})
    assert answer.status_code == 200, answer.text
