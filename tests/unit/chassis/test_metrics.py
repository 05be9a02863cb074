# SPDX-License-Identifier: Apache-2.0
"""Metrics leave under the names of the catalogue, with its labels and no others."""

import re
from collections.abc import Iterator

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry, generate_latest

from chassis import metric_catalogue, metrics
from chassis.metric_catalogue import CATALOGUE, Metric
from chassis.metrics_page import exposed

_SERIES = re.compile(r"(?m)^([a-z_]+)(?:\{([^}]*)\})? [0-9.e+-]+$")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[CollectorRegistry]:
    for name in ("_instruments", "_held", "_of_all"):
        monkeypatch.setattr(metrics, name, {})
    metrics._attributes.cache_clear()
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=registry)
    provider = MeterProvider(metric_readers=[reader])
    metrics.begin(provider.get_meter("test"), "records", "serve")
    yield registry
    provider.shutdown()


def _one_of_each() -> None:
    for metric in CATALOGUE:
        labels = tuple(f"a-{label}" for label in metric.labels)
        match metric.kind:
            case "histogram":
                metrics.record(metric, 0.3, *labels)
            case "gauge":
                metrics.hold(metric, 7, *labels)
            case _:
                metrics.add(metric, 2, *labels)


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_each_leaves_under_its_documented_name_and_labels(
    registry: CollectorRegistry, metric: Metric
) -> None:
    _one_of_each()

    name = exposed(metric) + ("_count" if metric.kind == "histogram" else "")
    series = dict(_SERIES.findall(generate_latest(registry).decode()))
    labels = {each.partition("=")[0] for each in series[name].split(",")}
    assert labels == {"service", "process", *(label.replace(".", "_") for label in metric.labels)}


def test_nothing_leaves_that_the_catalogue_does_not_have(registry: CollectorRegistry) -> None:
    _one_of_each()

    known = {exposed(metric) for metric in CATALOGUE}
    for name, _ in _SERIES.findall(generate_latest(registry).decode()):
        assert name in known or re.sub("_(bucket|count|sum)$", "", name) in known


def test_a_series_that_is_not_told_again_leaves(registry: CollectorRegistry) -> None:
    metrics.replace(metric_catalogue.PARKED_LEARNERS, {("results",): 3, ("intake",): 1})
    metrics.replace(metric_catalogue.PARKED_LEARNERS, {("results",): 2})

    told = [line for line in generate_latest(registry).decode().splitlines() if "parked_learners{" in line]
    assert len(told) == 1
    assert told[0].endswith(" 2.0")
    assert 'consumer="results"' in told[0]


def test_labels_that_are_not_as_declared_are_an_error(registry: CollectorRegistry) -> None:  # noqa: ARG001 - it begins
    with pytest.raises(ValueError, match="zip"):
        metrics.add(metric_catalogue.PUBLISHED, 1)


def test_before_they_begin_nothing_is_kept_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_instruments", {})
    metrics.add(metric_catalogue.PUBLISHED, 1, "topic")
    metrics.record(metric_catalogue.UNIT_DURATION, 0.1, "results")
