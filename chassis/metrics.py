# SPDX-License-Identifier: Apache-2.0
"""What a process counts and measures of itself, under the names of :mod:`chassis.metric_catalogue`.

Labels are given in the order in which the catalogue declares them. Until :func:`begin` nothing is kept.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, Observation

from chassis.metric_catalogue import CATALOGUE, Metric

Labels = tuple[str, ...]
_Instrument = Counter | Histogram

_instruments: dict[str, _Instrument] = {}
_held: dict[str, dict[Labels, float]] = {}
_of_all: dict[str, str] = {}


def begin(meter: Meter, service: str, process: str) -> None:
    """Make the instruments of this process; every series names it."""
    _of_all.update(service=service, process=process)
    for metric in CATALOGUE:
        _make(meter, metric)


def add(metric: Metric, amount: float, *labels: str) -> None:
    """Add to a counter."""
    instrument = _instruments.get(metric.name)
    if isinstance(instrument, Counter):
        instrument.add(amount, _attributes(metric, labels))


def record(metric: Metric, amount: float, *labels: str) -> None:
    """Record one measurement of a histogram."""
    instrument = _instruments.get(metric.name)
    if isinstance(instrument, Histogram):
        instrument.record(amount, _attributes(metric, labels))


def hold(metric: Metric, value: float, *labels: str) -> None:
    """Say what a gauge stands at, until it is said again."""
    _held.setdefault(metric.name, {})[labels] = value


def shift(metric: Metric, by: float, *labels: str) -> None:
    """Move a gauge, of things that come and go."""
    series = _held.setdefault(metric.name, {})
    series[labels] = series.get(labels, 0) + by


def replace(metric: Metric, series: Mapping[Labels, float]) -> None:
    """Say what all series of a gauge stand at: one that is not among them is told no more."""
    _held[metric.name] = dict(series)


def _make(meter: Meter, metric: Metric) -> None:
    named: dict[str, Any] = {"unit": metric.unit, "description": metric.description}
    match metric.kind:
        case "counter":
            _instruments[metric.name] = meter.create_counter(metric.name, **named)
        case "histogram":
            buckets = metric.buckets
            _instruments[metric.name] = meter.create_histogram(
                metric.name, explicit_bucket_boundaries_advisory=buckets, **named
            )
        case "gauge":
            meter.create_observable_gauge(metric.name, [_telling(metric)], **named)


def _telling(metric: Metric) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def tell(_options: CallbackOptions) -> Iterable[Observation]:
        # A copy: the exporter asks from a thread of its own.
        return [
            Observation(value, _attributes(metric, labels))
            for labels, value in list(_held.get(metric.name, {}).items())
        ]

    return tell


# Labels are few and come again and again: each call and each unit has some.
@lru_cache(maxsize=4096)
def _attributes(metric: Metric, labels: Labels) -> dict[str, str]:
    return _of_all | dict(zip(metric.labels, labels, strict=True))
