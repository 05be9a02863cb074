# SPDX-License-Identifier: Apache-2.0
"""Traces and metrics: exported by OTLP when an endpoint is configured, nearly free when not.

Without an endpoint spans are not recorded, yet every trace still has an id, so that logs and
events can be followed from service to service. The names of attributes and labels never hold a
learner or a tenant.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind

_ids = RandomIdGenerator()
_meter = metrics.get_meter("cairn")
tracer = trace.get_tracer("cairn")

_unit_seconds = _meter.create_histogram("cairn.unit.duration", "s", "time of one unit of work")
_unit_records = _meter.create_histogram("cairn.unit.records", "{record}", "records of one unit of work")
_outcomes = _meter.create_counter("cairn.consumer.outcomes", "{record}", "records by what became of them")
_lag = _meter.create_gauge("cairn.consumer.lag", "{record}", "records not yet consumed")
_halted = _meter.create_gauge("cairn.consumer.halted", "1", "1 while the breaker is open, else 0")
_outbox_age = _meter.create_gauge("cairn.outbox.age", "s", "age of the oldest row not yet published")
_published = _meter.create_counter("cairn.outbox.published", "{record}", "records published by the relay")


def configure(service: str, process: str, endpoint: str | None) -> None:
    """Set up traces and metrics of this process, once; ``endpoint`` is None to export nothing."""
    resource = Resource.create({"service.namespace": "cairn", "service.name": f"{service}.{process}"})
    if endpoint is None:
        trace.set_tracer_provider(TracerProvider(resource=resource, sampler=ALWAYS_OFF))
        return
    traces = TracerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(traces)
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=endpoint))
    metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=[reader]))


def shut_down() -> None:
    """Export what is left; returns within the exporters' own time limits."""
    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        if isinstance(provider, TracerProvider | MeterProvider):
            provider.shutdown()


def traceparent() -> str:
    """Return the W3C traceparent of the current span, or that of a new trace where there is none."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return f"00-{_ids.generate_trace_id():032x}-{_ids.generate_span_id():016x}-00"
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def with_traceparent(extensions: Mapping[str, str], parent: str | None = None) -> dict[str, str]:
    """Return the extensions of an event with its trace: ``parent``, or the current one.

    Replaces and never appends: an event that passes through an outbox has exactly one
    (interop E.5).
    """
    return {**extensions, "traceparent": parent or traceparent()}


def extract(parent: str | None) -> Context:
    """Return the context that an event's traceparent names; an empty one when it names none."""
    return propagate.extract({"traceparent": parent}, context=Context()) if parent else Context()


def link(parents: Iterable[str | None]) -> None:
    """Link the current span, if it is recorded, to the traces in which its events began."""
    span = trace.get_current_span()
    if span.is_recording():
        for parent in parents:
            context = trace.get_current_span(extract(parent)).get_span_context()
            if context.is_valid:
                span.add_link(context)


@contextmanager
def processing(consumer: str, records: int) -> Iterator[None]:
    """Span one unit of work, as the conventions for messaging name it (semconv 1.44, process)."""
    attributes: dict[str, str | int] = {"messaging.system": "kafka", "messaging.batch.message_count": records}
    with tracer.start_as_current_span(f"process {consumer}", kind=SpanKind.CONSUMER, attributes=attributes):
        yield


def unit_finished(consumer: str, seconds: float, records: int) -> None:
    """Record one committed unit of work."""
    attributes = {"consumer": consumer}
    _unit_seconds.record(seconds, attributes)
    _unit_records.record(records, attributes)


def outcomes(consumer: str, topic: str, counts: Mapping[str, int]) -> None:
    """Record what became of the records of one unit, by outcome."""
    for outcome, count in counts.items():
        if count:
            _outcomes.add(count, {"consumer": consumer, "topic": topic, "outcome": outcome})


def lag(consumer: str, topic: str, partition: int, records: int) -> None:
    """Record how many records of a partition are not yet consumed."""
    _lag.set(records, {"consumer": consumer, "topic": topic, "partition": partition})


def halted(consumer: str, *, yes: bool) -> None:
    """Record whether a consumer's breaker is open, which is what to alert on."""
    _halted.set(int(yes), {"consumer": consumer})


def outbox_age(seconds: float) -> None:
    """Record the age of the oldest row that the relay has not published."""
    _outbox_age.set(seconds)


def published(topic: str, records: int) -> None:
    """Record what the relay has published and the broker acknowledged."""
    _published.add(records, {"topic": topic})
