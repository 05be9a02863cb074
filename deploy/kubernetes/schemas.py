# SPDX-License-Identifier: Apache-2.0
"""Holds a manifest to its schema: Kubernetes' own kinds to the newest published one, an operator's to ours.

The kinds of operators are a closed list. No registry that a check could ask has their published definitions,
so each has a schema of what Cairn writes of it, and not a field more.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from kubernetes_validate.utils import SchemaNotFoundError, ValidationError, latest_version, validate

from deploy.kubernetes.built import Manifest

_OURS = Path(__file__).parent / "schemas"
OPERATORS = {
    ("kafka.strimzi.io/v1", "KafkaTopic"): "kafkatopic.json",
    ("kafka.strimzi.io/v1", "KafkaUser"): "kafkauser.json",
    ("monitoring.coreos.com/v1", "PodMonitor"): "podmonitor.json",
    ("monitoring.coreos.com/v1", "PrometheusRule"): "prometheusrule.json",
    ("postgresql.cnpg.io/v1", "Cluster"): "cluster.json",
}


def findings(manifest: Manifest) -> Iterator[str]:
    """Yield what the schema of a manifest does not allow."""
    name = OPERATORS.get((manifest.api, manifest.kind))
    if name is not None:
        for error in Draft202012Validator(_schema(name)).iter_errors(manifest.body):
            yield f"{manifest}: {error.json_path}: {error.message}"
        return
    try:
        validate(dict(manifest.body), latest_version(), strict=True)
    except ValidationError as refused:
        yield f"{manifest}: {refused.json_path}: {refused.message}"
    except SchemaNotFoundError:
        yield f"{manifest}: nothing is known of {manifest.api} {manifest.kind}: it is in no list"


def _schema(name: str) -> Any:
    return json.loads((_OURS / name).read_text("utf-8"))
