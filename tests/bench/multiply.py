# SPDX-License-Identifier: Apache-2.0
"""Multiplies what an installation has stored: every row again, of made-up learners, under new ids.

What is stored has the shapes that the services themselves wrote. Hashes of chains are copied and do not
fit the ids that are made here; nothing that is measured reads them.
"""

from collections.abc import Mapping, Sequence

import asyncpg

from deploy.local.progress import Steps

# A learner's copies have the same name in every table and database, and so have ids that tables share.
_LEARNER = "'l' || md5({0} || '/' || copy)"
_UUID = "md5({0}::text || '/' || copy)::uuid"
_HASH = "decode(md5(encode({0}, 'hex') || '/' || copy), 'hex')"
_POSITION = "{0} + copy * (select max(length) from records.extent)"

Columns = Mapping[str, str]
_CHASSIS: Mapping[str, Columns] = {
    "chassis.learner": {"id": _LEARNER},
    "chassis.inbox": {"identity": _HASH},
    "chassis.due": {"learner": _LEARNER},
}
TABLES: Mapping[str, Mapping[str, Columns]] = {
    "assessment": {
        **_CHASSIS,
        "assessment.data_key": {"subject": _LEARNER},
        "assessment.raw_payload": {"id": _UUID, "subject": _LEARNER},
        "assessment.statement": {"result_id": _UUID},
        "assessment.result": {"learner": _LEARNER, "result_id": _UUID},
        "assessment.attainment": {"learner": _LEARNER, "event_id": _UUID},
    },
    "recognition": {
        **_CHASSIS,
        "recognition.attainment": {"learner": _LEARNER, "event_id": f"({_UUID})::text"},
        "recognition.award": {"learner": _LEARNER, "decision_id": _UUID},
    },
    "records": {
        **_CHASSIS,
        "records.entry": {"learner": _LEARNER, "entry_id": _UUID},
        "records.chain_head": {"learner": _LEARNER},
        "records.award_head": {"learner": _LEARNER},
        "records.position": {"learner": _LEARNER, "position": _POSITION},
    },
}
"""The tables that grow with what is stored, and in each what a copy may not share with its original."""

_COLUMNS = """
select attname from pg_attribute
where attrelid = $1::regclass and attnum > 0 and not attisdropped and attidentity = '' and attgenerated = ''
order by attnum
"""
_LENGTHEN = "update records.extent set length = length * ($1::bigint + 1)"


async def multiply(databases: Mapping[str, str], copies: int, steps: Steps) -> None:
    """Add so many copies of all rows to the databases of an idle installation; vacuum and analyse them."""
    for service, tables in TABLES.items():
        connection = await asyncpg.connect(databases[service])
        try:
            for table, made in tables.items() if copies else ():
                with steps.step(f"Copy {table} {copies} times"):
                    await connection.execute(await _statement(connection, table, made), copies)
            if service == "records":
                await connection.execute(_LENGTHEN, copies)
            with steps.step(f"Vacuum and analyse {service}"):
                await connection.execute("vacuum (analyze)")
                await connection.execute("checkpoint")
        finally:
            await connection.close()


async def _statement(connection: asyncpg.Connection, table: str, made: Columns) -> str:
    columns = [row["attname"] for row in await connection.fetch(_COLUMNS, table)]
    return statement(table, columns, made)


def statement(table: str, columns: Sequence[str], made: Columns) -> str:
    """Return the statement that copies a table's rows; raises KeyError where it lacks a column."""
    if missing := made.keys() - set(columns):
        raise KeyError(f"{table} has no column {min(missing)}")
    named = {column: f'stored."{column}"' for column in columns}
    values = [made[column].format(name) if column in made else name for column, name in named.items()]
    into = ", ".join(f'"{column}"' for column in columns)
    return (
        f"insert into {table} ({into}) select {', '.join(values)}"  # noqa: S608 -- the names above
        f" from generate_series(1, $1::int) as copy cross join {table} as stored"
    )
