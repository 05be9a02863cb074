# SPDX-License-Identifier: Apache-2.0
"""Write ``docs/reference/metrics.md`` from the catalogue: ``python -m chassis.metrics_page``."""

from pathlib import Path

from chassis.metric_catalogue import CATALOGUE, Metric

_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "metrics.md"
_HEAD = """# Metrics

Generated from `chassis/metric_catalogue.py`; `make generate` writes it again.

Each process answers `/metrics` on its health port, in Prometheus' text format and in OpenMetrics, and exports
the same by OTLP where `OTEL_EXPORTER_OTLP_ENDPOINT` is set, under the name in brackets. Every series has the
labels `service` and `process` besides those below. What stands in a service's database is told by its serving
processes, each of which tells the same: take the `max` of it.

No label holds a learner, an institution, an address, or anything that a caller chose.
"""


def exposed(metric: Metric) -> str:
    """Return a metric's name at Prometheus; the series of a histogram add `_bucket`, `_sum` and `_count`."""
    unit = "_seconds" if metric.unit == "s" else ""
    return metric.name.replace(".", "_") + unit + ("_total" if metric.kind == "counter" else "")


def metrics_page() -> str:
    """Return the page."""
    parts = [_HEAD]
    for metric in CATALOGUE:
        labels = ", ".join(f"`{label.replace('.', '_')}`" for label in metric.labels) or "none"
        parts.append(
            f"## `{exposed(metric)}`\n\n"
            f"{metric.description[0].upper()}{metric.description[1:]}.\n\n"
            f"A {metric.kind} (`{metric.name}`, unit `{metric.unit}`); labels: {labels}.\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    _PAGE.write_text(metrics_page(), encoding="utf-8")
