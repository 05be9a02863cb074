# SPDX-License-Identifier: Apache-2.0
"""Every command against real servers: its tables and trees, its JSON, its exit code."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from cairn.cli import app, main
from tests.integration.cairn.scripted import Reply, Services, scripted_door, scripted_services

EVENT = '"specversion": "1.0", "source": "urn:lms", "type": "org.cairn.ingest.result.recorded.v1", "data": {}'
LINE = f'{{"id": "%s", {EVENT}}}\n'

Run = Callable[..., Result]


@pytest.fixture
def services() -> Iterator[Services]:
    with scripted_services() as running:
        yield running


@pytest.fixture
def run(services: Services, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("ASSESSMENT", "RECOGNITION", "RECORDS"):
        monkeypatch.setenv(f"CAIRN_{name}_ADDRESS", services.address)
    monkeypatch.setenv("CAIRN_TENANT", "ou")
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def fail(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the command as the shell does, expect exit code 1, and return what it wrote to standard error."""
    assert run is not None

    def call(*arguments: object) -> str:
        monkeypatch.setattr("sys.argv", ["cairn", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 1
        return capsys.readouterr().err

    return call


def printed(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_policies_of_a_folder_are_published_in_order(run: Run, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("policy: b")
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("no policy")
    answer = printed(run("policies", "apply", tmp_path, "--json"))
    shown = run("policies", "apply", tmp_path)

    assert [each["policy"]["policy_id"] for each in answer["policies"]] == ["a.json", "b.yaml"]
    assert answer["epoch"] == "7"
    assert "Epoch 7" in shown.stdout
    assert [line.split()[1:3] for line in shown.stdout.splitlines() if ".yaml" in line] == [
        ["2", "abababababababab"]
    ]
    assert "stands already" in shown.stdout


def test_a_refused_place_is_named_by_file(fail: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("policy: a")
    (tmp_path / "b.yaml").write_text("wrong")
    told = fail("policies", "apply", tmp_path)

    assert f"{tmp_path / 'b.yaml'}: activities[0].weight: is not a key" in told.replace("\n", "")


def test_a_folder_without_documents_is_a_wrong_use(run: Run, tmp_path: Path) -> None:
    assert run("policies", "apply", tmp_path).exit_code == 2


def test_all_policies_and_rules_are_listed(run: Run) -> None:
    assert [each["policy_id"] for each in printed(run("policies", "list", "--json"))] == ["a", "b"]
    assert [each["rule_id"] for each in printed(run("rules", "list", "--json"))] == ["module-aaa"]
    assert "Module AAA" in run("rules", "list").stdout


def test_a_published_rule_is_told_to_stay(fail: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("rule: a")
    told = fail("rules", "apply", tmp_path / "a.yaml")

    assert "VERSION_IMMUTABLE" in told
    assert "version 1 is published with other content" in told


def test_a_record_is_shown_as_of_both_times(run: Run, services: Services) -> None:
    times = ("--effective-as-of", "2014-06-30", "--recorded-as-of", "2014-07-01T00:00:00+02:00")
    shown = run("record", "show", "l1", *times)

    assert shown.exit_code == 0, shown.output
    award = next(line for line in shown.stdout.splitlines() if line.startswith("Module AAA"))
    assert award.split("  ")[1:2] == ["under review"]
    assert "15/2 cats level 4" in award
    assert "grounds lowered: registrar by 2014-07-30" in award
    assert services.records.asked[0].effective_as_of.day == 30
    assert services.records.asked[0].recorded_as_of.seconds == 1404165600
    assert printed(run("record", "show", "l1", "--json"))["disclosure_id"] == "d1"


@pytest.mark.parametrize(
    "arguments",
    [("Mary",), ("l1", "--effective-as-of", "30.6.2014"), ("l1", "--recorded-as-of", "2014-07-01T00:00:00")],
)
def test_what_is_no_id_day_or_instant_is_a_wrong_use(
    run: Run, services: Services, arguments: tuple[str]
) -> None:
    assert run("record", "show", *arguments).exit_code == 2
    assert services.records.asked == []


def test_an_entry_is_explained_as_a_tree(run: Run) -> None:
    shown = run("record", "why", "e0")

    assert [line.strip(" │├└─") for line in shown.stdout.splitlines()] == [
        "Module AAA conferred on 2014-06-30 by rule module-aaa version 1, abababababababab",
        "✓ Pass one presentation [of two] 1 of 1 (any)",
        "✓ 2013j (competency https://open.ac.uk/competencies/AAA/2013J)",
        "demonstrated with 0.62",
        "event event-1",
        "? 2014j (unspecified)",
        "disclosure d2",
    ]
    explanation = printed(run("record", "why", "e0", "--json"))["entry"]["explanation"]
    assert explanation["children"][0]["grounds"] == ["event-1"]


def test_a_denied_entry_is_told_as_denied(fail: Callable[..., str]) -> None:
    assert "PERMISSION_DENIED" in fail("record", "why", "secret")


def test_results_go_line_by_line_and_trouble_names_its_line(run: Run, tmp_path: Path) -> None:
    def script(_attempt: int, body: list[dict[str, Any]]) -> Reply:
        outcomes = {"e1": "stored", "e2": "conflict", "e3": "duplicate"}
        return Reply(200, {"items": [{"id": each["id"], "verdict": outcomes[each["id"]]} for each in body]})

    file = tmp_path / "results.ndjson"
    file.write_text(LINE % "e1" + "\nnot an event, learner 4711\n" + LINE % "e2" + LINE % "e3")
    with scripted_door(script) as door:
        common = ("results", "publish", file, "--source", "lms", "--http-address", door.address)
        told = run(*common, "--json")
        shown = run(*common)

    assert (told.exit_code, shown.exit_code) == (1, 1)
    answer = json.loads(told.stdout)
    assert answer["counts"] == {"stored": 1, "conflict": 1, "duplicate": 1, "refused": 1}
    assert [(each["line"], each["outcome"]) for each in answer["troubles"]] == [
        (3, "refused"),
        (4, "conflict"),
    ]
    assert "4711" not in told.output + shown.output


def test_topics_are_planned_and_made_and_results_published_on_them(
    run: Run, broker: str, tmp_path: Path
) -> None:
    source = f"lms-{uuid4()}"
    to = ("--bootstrap-servers", broker)
    common = ("--source", source, *to, "--json")
    planned = printed(run("topics", "plan", *common))
    assert {each["step"] for each in planned if source in each["topic"]} == {"create"}
    assert printed(run("topics", "apply", *common))
    assert printed(run("topics", "plan", *common)) == []
    assert "as it should be" in run("topics", "plan", *common[:-1]).stdout
    refused = run("topics", "plan", "--source", source, "--partitions", "7", *to)
    assert refused.exit_code == 1
    assert "has 6 partitions, not 7" in refused.stdout

    file = tmp_path / "results.ndjson"
    file.write_text("".join(LINE % f"e{number}" for number in range(10)))
    sent = run("results", "publish", file, "--source", source, "--via", "kafka", *to, "--json")
    assert printed(sent)["counts"] == {"sent": 10}


def test_no_broker_is_said_in_one_line(fail: Callable[..., str]) -> None:
    assert "KafkaConnectionError" in fail("topics", "plan", "--bootstrap-servers", "127.0.0.1:1")


def test_completion_is_offered(run: Run) -> None:
    os.environ.pop("_CAIRN_COMPLETE", None)
    assert "--show-completion" in run("--help").stdout
