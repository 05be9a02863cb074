# SPDX-License-Identifier: Apache-2.0
"""Write ``deploy/observability/cairn.dashboard.json``, for Grafana 10 and newer.

``python -m deploy.observability.dashboard``. Each panel is a row of the table below; its queries are checked
against what the processes really tell (``tests/unit/deploy/test_observability.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable, Row
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.timeseries import Panel
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef

FILE = Path(__file__).with_name("cairn.dashboard.json")
_SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
_COLUMNS, _HEIGHT, _WIDTH = 24, 7, 8


@dataclass(frozen=True, slots=True)
class Graph:
    """One panel: what it is called, its unit as Grafana names it, and each query with its legend."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]


def _rate(metric: str, *by: str) -> str:
    return f"sum by ({', '.join(by)}) (rate({metric}[$__rate_interval]))"


def _p(quantile: str, metric: str, *by: str) -> str:
    labels = ", ".join((*by, "le"))
    return f"histogram_quantile({quantile}, sum by ({labels}) (rate({metric}_bucket[$__rate_interval])))"


GRAPHS: dict[str, tuple[Graph, ...]] = {
    "Results in, entries out": (
        Graph(
            "Records by what became of them",
            "ops",
            (
                (
                    _rate("cairn_consumer_outcomes_total", "consumer", "outcome"),
                    "{{consumer}} {{outcome}}",
                ),
            ),
        ),
        Graph(
            "Requests at the HTTP door",
            "reqps",
            (
                (
                    _rate("http_server_request_duration_seconds_count", "http_response_status_code"),
                    "{{http_response_status_code}}",
                ),
            ),
        ),
        Graph(
            "Time of a request at the HTTP door",
            "s",
            tuple((_p(q, "http_server_request_duration_seconds"), f"p{q[2:]}") for q in ("0.50", "0.99")),
        ),
        Graph(
            "From entry to position",
            "s",
            tuple((_p(q, "cairn_entries_position_delay_seconds"), f"p{q[2:]}") for q in ("0.50", "0.99")),
        ),
    ),
    "What waits": (
        Graph(
            "Records not yet consumed",
            "short",
            (
                (
                    "sum by (consumer) (max by (consumer, topic, partition) (cairn_consumer_lag))",
                    "{{consumer}}",
                ),
            ),
        ),
        Graph(
            "Age of the newest record that was taken",
            "s",
            (("time() - max by (consumer) (cairn_consumer_newest_timestamp_seconds)", "{{consumer}}"),),
        ),
        Graph(
            "Rows not yet published",
            "short",
            (("max by (service) (cairn_outbox_rows)", "{{service}}"),),
        ),
        Graph(
            "Age of the oldest row and of the oldest timer",
            "s",
            (
                ("max by (service) (cairn_outbox_age_seconds)", "outbox {{service}}"),
                ("max by (service) (cairn_due_age_seconds)", "timer {{service}}"),
            ),
        ),
        Graph(
            "Entries without a position",
            "short",
            (("max by (service) (cairn_entries_unpositioned)", "{{service}}"),),
        ),
        Graph(
            "Re-evaluation: learners looked at, and scans",
            "short",
            (
                ("max by (service) (cairn_reevaluation_learners)", "learners {{service}}"),
                ("max by (service, state) (cairn_reevaluation_scans)", "{{state}} {{service}}"),
            ),
        ),
    ),
    "What an operator has to see to": (
        Graph(
            "Learners whose records wait",
            "short",
            (("max by (consumer) (cairn_parked_learners)", "{{consumer}}"),),
        ),
        Graph(
            "Dead letters by reason",
            "short",
            (("max by (consumer, reason) (cairn_dead_letters)", "{{consumer}} {{reason}}"),),
        ),
        Graph(
            "Breakers open and losses not accepted",
            "short",
            (
                ("max by (consumer) (cairn_consumer_breaker)", "breaker {{consumer}}"),
                ("max by (consumer) (cairn_consumer_losses)", "losses {{consumer}}"),
            ),
        ),
        Graph(
            "Conditions that do not hold",
            "short",
            (
                (
                    "min by (service, process, condition) (cairn_condition) < 1",
                    "{{service}} {{process}} {{condition}}",
                ),
            ),
        ),
        Graph(
            "Publications of rules and policies",
            "short",
            (("max by (service) (cairn_rules_publications)", "{{service}}"),),
        ),
        Graph(
            "Life left of certificates",
            "s",
            (
                (
                    "min by (service, process, setting) (cairn_certificate_end_timestamp_seconds) - time()",
                    "{{service}} {{process}} {{setting}}",
                ),
            ),
        ),
    ),
    "gRPC": (
        Graph(
            "Calls by status",
            "reqps",
            (
                (
                    _rate("rpc_server_call_duration_seconds_count", "service", "rpc_response_status_code"),
                    "{{service}} {{rpc_response_status_code}}",
                ),
            ),
        ),
        Graph(
            "Time of a call, p99",
            "s",
            ((_p("0.99", "rpc_server_call_duration_seconds", "rpc_method"), "{{rpc_method}}"),),
        ),
        Graph(
            "Calls that are open", "short", (("sum by (rpc_method) (cairn_rpc_active)", "{{rpc_method}}"),)
        ),
    ),
    "Units of work": (
        Graph(
            "Time of a unit, p99",
            "s",
            ((_p("0.99", "cairn_unit_duration_seconds", "consumer"), "{{consumer}}"),),
        ),
        Graph(
            "Time in the domain, p99",
            "s",
            ((_p("0.99", "cairn_unit_domain_duration_seconds", "consumer"), "{{consumer}}"),),
        ),
        Graph(
            "Records of a unit, median",
            "short",
            ((_p("0.5", "cairn_unit_records", "consumer"), "{{consumer}}"),),
        ),
    ),
    "Processes": (
        Graph("Memory", "bytes", (('process_resident_memory_bytes{job="cairn"}', "{{instance}}"),)),
        Graph(
            "CPU",
            "percentunit",
            (('rate(process_cpu_seconds_total{job="cairn"}[$__rate_interval])', "{{instance}}"),),
        ),
        Graph("Rows of the inbox", "short", (("max by (service) (cairn_inbox_rows)", "{{service}}"),)),
    ),
}


def queries() -> Iterator[str]:
    """Yield every query of the dashboard."""
    for graphs in GRAPHS.values():
        for graph in graphs:
            yield from (query for query, _ in graph.queries)


def dashboard_text() -> str:
    """Return the dashboard as Grafana imports it."""
    made = (
        Dashboard("Cairn")
        .uid("cairn")
        .tags(["cairn"])
        .refresh("30s")
        .time("now-1h", "now")
        .with_variable(DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    for row, graphs in GRAPHS.items():
        made.with_row(Row(row))
        for graph in graphs:
            made.with_panel(_panel(graph))
    encoded: str = JSONEncoder(sort_keys=True, indent=2).encode(made.build())
    return encoded + "\n"


def _panel(graph: Graph) -> Any:
    panel = Panel().title(graph.title).unit(graph.unit).datasource(_SOURCE).span(_WIDTH).height(_HEIGHT)
    for query, legend in graph.queries:
        panel.with_target(Dataquery().expr(query).legend_format(legend).datasource(_SOURCE))
    return panel


if __name__ == "__main__":
    FILE.write_text(dashboard_text(), encoding="utf-8")
