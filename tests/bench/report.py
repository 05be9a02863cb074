# SPDX-License-Identifier: Apache-2.0
"""Makes the figures out of what the runs measured: always the median of the runs, save for memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import fmean, median

from tests.bench.arithmetic import growth, medians, percentile
from tests.bench.figures import Figure
from tests.bench.hardware import hardware
from tests.bench.latency import Latency
from tests.bench.reference import Reference
from tests.bench.throughput import Throughput

# What a process fetches once is no growth; a cohort smaller than this tells nothing of it.
_WARM_UP = 50_000
_PER = 100_000
_LEAST_CPU = 0.02


@dataclass(slots=True)
class Run:
    """What one run measured; latency is by the results a second that were sent.

    The reference is measured before and after, because the machine's own speed moves meanwhile.
    """

    references: Sequence[Reference]
    throughput: Throughput
    latency: dict[int, Latency] = field(default_factory=dict)

    @property
    def bare_seconds(self) -> float:
        """How long the reference took."""
        return fmean(each.seconds for each in self.references)

    @property
    def ratio(self) -> float:
        """The pipeline's rate as a share of the reference's."""
        return self.bare_seconds / self.throughput.seconds


def figures(runs: Sequence[Run], results: int) -> list[Figure]:
    """Return every figure."""
    figure = partial(Figure, runs=len(runs), hardware=hardware())
    return [
        _throughput(figure, runs, results, "pipeline.results"),
        *_latency(figure, runs),
        *_memory(figure, runs, results),
        *_cpu(figure, runs, results),
    ]


def rates(runs: Sequence[Run], results: int, name: str) -> list[Figure]:
    """Return the rate under a name, and the CPU of all processes together."""
    figure = partial(Figure, runs=len(runs), hardware=hardware())
    total = replace(_cpu(figure, runs, results)[0], name=f"{name}.cpu")
    return [_throughput(figure, runs, results, name), total]


def _throughput(figure: "partial[Figure]", runs: Sequence[Run], results: int, name: str) -> Figure:
    return figure(
        name=name,
        value=median(results / run.throughput.seconds for run in runs),
        unit="results/s",
        reference=median(results / run.bare_seconds for run in runs),
        # Each ratio is of one run, whose rates met the same machine.
        ratio=median(run.ratio for run in runs),
    )


def _latency(figure: "partial[Figure]", runs: Sequence[Run]) -> list[Figure]:
    told = []
    for rate in sorted({rate for run in runs for rate in run.latency}):
        of = [run.latency[rate] for run in runs if rate in run.latency]
        kept_up = median(each.accepted_per_second for each in of)
        told += [
            _spread(figure, f"pipeline.latency.{rate}", [each.to_record for each in of]),
            _spread(figure, f"door.latency.{rate}", [each.at_door for each in of]),
            figure(
                name=f"door.results.{rate}",
                value=kept_up,
                unit="results/s",
                reference=float(rate),
                ratio=kept_up / rate,
            ),
        ]
    return told


def _spread(figure: "partial[Figure]", name: str, of: Sequence[Sequence[float]]) -> Figure:
    p50, p95, p99 = (median(percentile(each, share) for each in of) for share in (0.50, 0.95, 0.99))
    return figure(name=name, value=p50, unit="ms", p50=p50, p95=p95, p99=p99)


def _memory(figure: "partial[Figure]", runs: Sequence[Run], results: int) -> list[Figure]:
    told = []
    for name in runs[0].throughput.resident:
        samples = [run.throughput.resident[name] for run in runs]
        told.append(
            figure(name=f"memory.{name}", value=max(mib for each in samples for _, mib in each), unit="MiB")
        )
        # Once all results are in, what is left is worked off, and no sample stands for more of them.
        slopes = [growth([one for one in each if one[0] < results], _WARM_UP) for each in samples]
        if known := [slope * _PER for slope in slopes if slope is not None]:
            told.append(figure(name=f"memory.{name}.growth", value=median(known), unit="MiB/100,000 results"))
    return told


def _cpu(figure: "partial[Figure]", runs: Sequence[Run], results: int) -> list[Figure]:
    used: Mapping[str, float] = medians([_served(run.throughput.cpu) for run in runs])
    bare: Mapping[str, float] = medians([each.cpu for run in runs for each in run.references])
    per = partial(figure, unit="s/100,000 results")
    share = _PER / results
    total, reference = sum(used.values()), sum(bare.values())
    return [
        per(
            name="cpu.total",
            value=total * share,
            reference=reference * share,
            ratio=total / reference,
        ),
        *(
            per(name=f"cpu.{name}", value=seconds * share)
            for name, seconds in sorted(used.items(), key=lambda item: -item[1])
            if seconds >= _LEAST_CPU
        ),
        *(
            per(name=f"cpu.reference.{name}", value=seconds * share)
            for name, seconds in bare.items()
            if seconds >= _LEAST_CPU
        ),
    ]


def _served(cpu: Mapping[str, float]) -> dict[str, float]:
    # The bench itself only feeds and looks there, while it is the loop in the reference.
    return {name: seconds for name, seconds in cpu.items() if name != "bench"}
