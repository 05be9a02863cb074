# SPDX-License-Identifier: Apache-2.0
"""The ids of topics: what tells a topic from another of the same name that was made later.

aiokafka 0.14 asks for metadata in version 5, which knows no ids, so version 12 is written down here
(KIP-516; Kafka 3.1 and newer). Both consumers use it, whichever runner they have.
"""

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from cairn.brokers import Bootstrap, connection
from chassis.errors import Retry

# What stands in place of an id where there is none.
_NONE = UUID(int=0)
_NO_IDS = "the broker tells no topic ids: Cairn needs Kafka 3.1 or newer"


class _Id:
    """Sixteen bytes as they stand."""

    @staticmethod
    def encode(value: UUID) -> bytes:
        return value.bytes

    @staticmethod
    def decode(data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


_TEXT = CompactString("utf-8")
_NUMBERS = CompactArray(Int32)


def _list_of(*fields: tuple[str, Any]) -> CompactArray:
    made = CompactArray(Int32)
    made.array_of = Schema(*fields, ("tags", TaggedFields))
    return made


class _MetadataResponse(Response):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", _list_of(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT))),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            _list_of(
                ("error_code", Int16),
                ("name", _TEXT),
                ("topic_id", _Id),
                ("is_internal", Boolean),
                (
                    "partitions",
                    _list_of(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", _NUMBERS),
                        ("isr", _NUMBERS),
                        ("offline_replicas", _NUMBERS),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequestV12(RequestStruct):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", _list_of(("topic_id", _Id), ("name", _TEXT))),
        ("allow_auto_topic_creation", Boolean),
        ("include_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataRequestV12]):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 3

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics: list[Any] = [(_NONE, topic, {}) for topic in topics]

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._topics, False, False, {})  # noqa: FBT003 - the fields in their order


async def read_topic_ids(bootstrap: Bootstrap, topics: Iterable[str]) -> Mapping[str, UUID]:
    """Return the id of each topic; makes none that is not there.

    Raises Retry where a topic is not there at present, and where a broker older than Kafka 3.1 knows no ids.
    """
    client = AIOKafkaClient(**connection(bootstrap), client_id="cairn-topic-ids")
    await client.bootstrap()
    try:
        answer = await client.send(client.get_random_node(), _MetadataRequest(sorted(set(topics))))
    except NotImplementedError:
        raise Retry(_NO_IDS) from None
    finally:
        await client.close()
    return dict(map(_id_of, answer.topics))


def _id_of(topic: Any) -> tuple[str, UUID]:
    code, name, topic_id, *_ = topic
    if code == UnknownTopicOrPartitionError.errno:
        raise Retry(f"the broker has no topic {name}")
    if code:
        raise for_code(code)(name)
    if topic_id == _NONE:
        raise Retry(_NO_IDS)
    return name, topic_id
