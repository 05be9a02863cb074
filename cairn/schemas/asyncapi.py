# SPDX-License-Identifier: Apache-2.0
"""The AsyncAPI 3 document: every topic, what it carries under which headers, who sends and receives.

Payloads are references to the files of :mod:`cairn.schemas.json_schema`, so that each event is
described once. One document covers all services; the operations of each are tagged with its name.
"""

import inspect
from datetime import timedelta
from typing import Any

from cairn.events.catalogue import CATALOGUE
from cairn.ids import OPAQUE
from cairn.topics.catalogue import (
    DEFAULT_PARTITIONS,
    INTERNAL,
    KeyRule,
    Topic,
    dead_letters_of,
    ingest_topic,
)

Document = dict[str, Any]

VERSION = "1.0.0"
# Stands for the name of one platform, in a topic's address as in AsyncAPI's parameters.
_PLATFORM = "platform"
_BINDING = "0.5.0"
_KEY = OPAQUE.removesuffix("$") + "/" + OPAQUE.removeprefix("^")
_TEXT = {"type": "string", "minLength": 1}
_HEADERS = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {
            **_TEXT,
            "description": "With ce_source it identifies the event; repeated, it is a duplicate.",
        },
        "ce_source": {**_TEXT, "description": "urn:cairn:<service>:<tenant> for what Cairn publishes."},
        "ce_type": _TEXT,
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_subject": {**_TEXT, "description": "The opaque learner id; never an identifier from outside."},
        "ce_asof": {
            "type": "string",
            "format": "date-time",
            "description": "The instant that intake or a command stamped once; it travels with the event.",
        },
        "ce_partitionkey": {**_TEXT, "description": "The record's key."},
        "ce_traceparent": {**_TEXT, "description": "W3C Trace Context: the trace in which the event began."},
        "content-type": {"type": "string", "const": "application/json"},
    },
}


def asyncapi() -> Document:
    """Return the document for the default number of partitions and any number of platforms."""
    topics = _topics()
    return {
        "asyncapi": "3.0.0",
        "id": "urn:cairn:asyncapi",
        "info": {
            "title": "Cairn",
            "version": VERSION,
            "description": "Assessment results in; attainments, decisions and entries of the record out. "
            "Events are CloudEvents 1.0 over Kafka, in binary mode.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": dict(operation for topic in topics for operation in _operations(topic)),
        "components": {
            "messages": {name: _message(name) for name in sorted(CATALOGUE)},
            "messageTraits": {
                "cloudEvent": {
                    "headers": _HEADERS,
                    "externalDocs": {
                        "url": "https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md"
                    },
                }
            },
        },
    }


def _topics() -> list[Topic]:
    topics = [ingest_topic(_PLATFORM), *INTERNAL]
    topics += [dead_letters_of(topic) for topic in topics if topic.has_dead_letters]
    return sorted(topics, key=lambda topic: topic.name)


def _channel(topic: Topic) -> Document:
    channel: Document = {
        "address": topic.name.replace(f"ingest.{_PLATFORM}.", f"ingest.{{{_PLATFORM}}}."),
        "description": topic.summary,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in sorted(topic.models)},
        "bindings": {"kafka": _channel_binding(topic)},
    }
    if topic.name.startswith("ingest."):
        channel["parameters"] = {_PLATFORM: {"description": "The configured name of the platform."}}
    return channel


def _channel_binding(topic: Topic) -> Document:
    configuration: Document = {
        "cleanup.policy": ["delete"],
        "retention.ms": topic.retention // timedelta(milliseconds=1),
    }
    if topic.largest_record is not None:
        configuration["max.message.bytes"] = topic.largest_record
    return {
        "partitions": DEFAULT_PARTITIONS,
        "topicConfiguration": configuration,
        "bindingVersion": _BINDING,
    }


def _operations(topic: Topic) -> list[tuple[str, Document]]:
    sends = (topic.writer, "send")
    return [
        (f"{service}.{action}.{topic.name}", _operation(topic, service, action))
        for service, action in (sends, *((reader, "receive") for reader in topic.readers))
    ]


def _operation(topic: Topic, service: str, action: str) -> Document:
    channel = f"#/channels/{topic.name}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "summary": topic.summary,
        "tags": [{"name": service}],
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in sorted(topic.models)],
    }


def _message(type_name: str) -> Document:
    model = CATALOGUE[type_name][0]
    return {
        "name": type_name,
        "title": model.__name__,
        "summary": (inspect.getdoc(model) or "").partition("\n")[0],
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "headers": {"type": "object", "properties": {"ce_type": {"type": "string", "const": type_name}}},
        "payload": {"$ref": f"./json/{type_name}.json"},
        "bindings": {"kafka": {"key": _key(type_name), "bindingVersion": _BINDING}},
    }


def _key(type_name: str) -> Document:
    topic = next(topic for topic in (ingest_topic(_PLATFORM), *INTERNAL) if type_name in topic.models)
    match topic.key:
        case KeyRule.LEARNER:
            return {"type": "string", "pattern": _KEY, "description": "<tenant>/<learner>, both opaque"}
        case KeyRule.ANY:
            return {"type": "string", "description": "whatever the platform likes"}
