# SPDX-License-Identifier: Apache-2.0
"""Alerts and dashboard ask for what the processes tell, and each alert has its page and its tests."""

import re
from collections.abc import Iterator

import promql_parser
import pytest
import yaml

from chassis.metric_catalogue import CATALOGUE
from chassis.metrics_page import exposed
from deploy.local.stack import ROOT
from deploy.observability.dashboard import queries

_FOLDER = ROOT / "deploy" / "observability"
_RULES = yaml.safe_load((_FOLDER / "cairn.rules.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
_ALERTS = [rule["alert"] for rule in _RULES]
_TESTS = yaml.safe_load((_FOLDER / "cairn.rules.test.yml").read_text(encoding="utf-8"))["tests"]
_RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
_CAUSED = (ROOT / "tests" / "e2e" / "test_alerts.py").read_text(encoding="utf-8")
_PARTS = ("**Meaning.**", "**First.**", "**Resolve.**", "**Tested.**")
# What Prometheus gives every series, and what the client library and Prometheus itself tell of a process.
_GIVEN = {"instance", "job"}
_BESIDES = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}


def _known() -> dict[str, set[str]]:
    """Return the labels of every series that there can be, by its name."""
    known: dict[str, set[str]] = {name: set() for name in _BESIDES}
    for metric in CATALOGUE:
        labels = {"service", "process", *(label.replace(".", "_") for label in metric.labels)}
        if metric.kind == "histogram":
            known |= {f"{exposed(metric)}_{part}": labels for part in ("count", "sum")}
            known[f"{exposed(metric)}_bucket"] = {*labels, "le"}
        else:
            known[exposed(metric)] = labels
    return known


def _unknown(query: str) -> Iterator[str]:
    """Yield what a query asks for that no process tells."""
    known, names, grouped = _known(), set[str](), set[str]()
    found: list[str] = []

    def visit(node: object) -> bool:
        selector = getattr(node, "vector_selector", node)
        if isinstance(selector, promql_parser.VectorSelector):
            names.add(str(selector.name))
            labels = known.get(str(selector.name), set()) | _GIVEN
            found.extend(each.name for each in selector.matchers.matchers if each.name not in labels)
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            grouped.update(node.modifier.labels)
        return True

    promql_parser.walk(promql_parser.parse(query.replace("$__rate_interval", "5m")), visit)
    yield from found
    yield from names - known.keys()
    yield from grouped - _GIVEN - {label for name in names for label in known.get(name, set())}
    if not names:
        yield "no series"


@pytest.mark.parametrize("query", [*(rule["expr"] for rule in _RULES), *queries()])
def test_a_query_asks_for_what_is_told(query: str) -> None:
    assert list(_unknown(query)) == []


@pytest.mark.parametrize(
    "query",
    [
        "cairn_no_such_metric > 0",
        'cairn_consumer_lag{learner="l1"} > 0',
        "sum by (tenant) (cairn_consumer_lag)",
        "rate(cairn_unit_records[5m])",
        "vector(1)",
    ],
)
def test_a_query_for_something_else_is_found(query: str) -> None:
    assert list(_unknown(query))


@pytest.mark.parametrize("alert", _ALERTS)
def test_an_alert_has_its_page_and_names_it(alert: str) -> None:
    (rule,) = (rule for rule in _RULES if rule["alert"] == alert)
    page = re.search(rf"^## {alert}\n(.*?)(?=^## |\Z)", _RUNBOOK, re.MULTILINE | re.DOTALL)
    assert page is not None
    assert all(page[1].count(part) == 1 for part in _PARTS)
    assert rule["annotations"]["runbook"] == f"docs/runbook.md#{alert.lower()}"
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert ("**Tested.** Caused" in page[1]) is (f'"{alert}"' in _CAUSED)


@pytest.mark.parametrize("alert", _ALERTS)
def test_an_alert_is_seen_to_fire_and_not_to_fire(alert: str) -> None:
    tested = [each for test in _TESTS for each in test["alert_rule_test"] if each["alertname"] == alert]
    assert any(each["exp_alerts"] for each in tested)
    assert any(not each["exp_alerts"] for each in tested)


def test_no_page_is_of_an_alert_that_is_none() -> None:
    assert re.findall(r"^## (\w+)$", _RUNBOOK, re.MULTILINE) == _ALERTS


def test_every_metric_of_ours_is_on_the_dashboard_or_in_an_alert() -> None:
    asked = " ".join([*queries(), *(rule["expr"] for rule in _RULES)])
    left = {metric.name for metric in CATALOGUE if exposed(metric) not in asked}
    assert left == _NOT_WATCHED


_NOT_WATCHED = {
    # What is looked up once something else has drawn the eye.
    "cairn.outbox.published",
    "http.server.active_requests",
    "cairn.parked.records",
}
