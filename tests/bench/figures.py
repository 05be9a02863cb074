# SPDX-License-Identifier: Apache-2.0
"""A measured figure, and the file and the table in which figures are told."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of ``build/bench.json``; ``ratio`` is ``value`` over ``reference``."""

    name: str
    value: float
    unit: str
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    reference: float | None = None
    ratio: float | None = None
    runs: int
    hardware: str


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write the figures, rounded to six significant digits."""
    lines = [{key: _rounded(value) for key, value in asdict(figure).items()} for figure in figures]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(lines, indent=2) + "\n", encoding="utf-8")


def table(figures: Sequence[Figure]) -> Table:
    """Return the figures as a table, without the hardware, which is the same for all."""
    told = Table()
    for column in ("figure", "unit"):
        told.add_column(column, no_wrap=True)
    columns = ("value", "p50", "p95", "p99", "reference", "ratio", "runs")
    for column in columns:
        told.add_column(column, justify="right", no_wrap=True)
    for figure in figures:
        told.add_row(figure.name, figure.unit, *(_told(getattr(figure, column)) for column in columns))
    return told


def _rounded(value: object) -> object:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _told(value: float | None) -> str:
    match value:
        case None:
            return ""
        case int():
            return f"{value:,}"
        case _:
            return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"
