# SPDX-License-Identifier: Apache-2.0
"""A trace travels with its event as exactly one traceparent, recorded or not."""

import re

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import telemetry

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_given_traceparent_replaces_the_one_that_is_there() -> None:
    extensions = {"asof": "2024-01-01", "traceparent": "00-old"}

    assert telemetry.with_traceparent(extensions, PARENT) == {"asof": "2024-01-01", "traceparent": PARENT}
    assert extensions["traceparent"] == "00-old"


def test_without_a_span_every_event_begins_its_own_trace() -> None:
    first, second = telemetry.traceparent(), telemetry.traceparent()

    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", first)
    assert first[3:35] != second[3:35]


def test_the_current_span_is_the_parent_of_what_it_publishes() -> None:
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("unit", context=telemetry.extract(PARENT)) as span:
        written = telemetry.traceparent()

    assert written[3:35] == PARENT[3:35]
    assert written[36:52] == f"{span.get_span_context().span_id:016x}"


def test_a_unit_links_to_the_traces_of_its_events_and_nonsense_to_nothing() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("test").start_as_current_span("unit"):
        telemetry.link([PARENT, "nonsense", None])

    (span,) = exporter.get_finished_spans()
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [PARENT[3:35]]


def test_metrics_cost_nothing_and_fail_nothing_when_nobody_listens() -> None:
    telemetry.unit_finished("decisions", 0.1, 3)
    telemetry.outcomes("decisions", "topic", {"applied": 1, "duplicate": 0})
    telemetry.lag("decisions", "topic", 0, 5)
    telemetry.outbox_age(0.0)
    telemetry.published("topic", 1)
