# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of each event type (draft 2020-12): what a reader of this version accepts.

It is made in validation mode, because a contract is what one may send: a field with a default may
be left out. What Cairn writes leaves out what is not set and so obeys it too. Unknown fields are
allowed and ignored. Two limits are those of JSON Schema: that one field bounds another stands in
the description alone, and readers take a score as a number too, where the schema asks for text.
"""

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import CoreSchema

from cairn.events.catalogue import CATALOGUE

Schema = dict[str, Any]


class _Untitled(GenerateJsonSchema):
    """Field titles would only repeat the field names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic passes it
        return False

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> Schema:
        return {"$schema": self.schema_dialect, **super().generate(schema, mode)}


def schema_id(type_name: str) -> str:
    """Return the ``$id`` of an event type's schema."""
    return f"urn:cairn:schema:{type_name}"


def schema_of(type_name: str) -> Schema:
    """Return the schema of an event type."""
    adapter: TypeAdapter[Any] = CATALOGUE[type_name][1]
    schema = adapter.json_schema(mode="validation", schema_generator=_Untitled)
    dialect = schema.pop("$schema")
    return {"$schema": dialect, "$id": schema_id(type_name), **schema}


def all_schemas() -> dict[str, Schema]:
    """Return the schema of every event type, by type name."""
    return {name: schema_of(name) for name in sorted(CATALOGUE)}
