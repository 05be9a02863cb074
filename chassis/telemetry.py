# SPDX-License-Identifier: Apache-2.0
"""Sets up traces and metrics of a process.

Metrics can always be scraped (:mod:`chassis.health`). With the OTLP endpoint of a collector they and the
traces are exported there as well; how many traces, OTEL_TRACES_SAMPLER says. Without one spans are not
recorded, yet every trace still has an id, so that logs and events can be followed from service to service.
"""

from opentelemetry import metrics as api
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from chassis import metrics


def configure(service: str, process: str, endpoint: str | None) -> None:
    """Set up traces and metrics of this process, once; ``endpoint`` is None to export nothing."""
    resource = Resource.create({"service.namespace": "cairn", "service.name": f"{service}.{process}"})
    readers: list[MetricReader] = [PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False)]
    if endpoint is None:
        trace.set_tracer_provider(TracerProvider(resource=resource, sampler=ALWAYS_OFF))
    else:
        traces = TracerProvider(resource=resource)
        traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        trace.set_tracer_provider(traces)
        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=endpoint)))
    meters = MeterProvider(resource=resource, metric_readers=readers)
    api.set_meter_provider(meters)
    metrics.begin(meters.get_meter("cairn"), service, process)


def shut_down() -> None:
    """Export what is left; returns within the exporters' own time limits."""
    for provider in (trace.get_tracer_provider(), api.get_meter_provider()):
        if isinstance(provider, TracerProvider | MeterProvider):
            provider.shutdown()
