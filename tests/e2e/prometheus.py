# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus that scrapes an installation twice a second, under the alerts with shortened times."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml

from deploy.local import ports
from deploy.local.detached import launch
from deploy.local.layout import Layout
from deploy.local.running import Running, stop_all
from deploy.local.stack import BUILD, ROOT

RULES = ROOT / "deploy" / "observability" / "cairn.rules.yml"
_BINARY = BUILD / "prometheus" / "usr" / "bin" / "prometheus"
_EVERY = "500ms"
# What stands for minutes in the rules, in seconds: long enough for a rate over some scrapes.
_RANGE, _HELD, _SILENT = "8s", "1s", 4
_STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that fires, with the labels of what it is about."""

    name: str
    labels: frozenset[tuple[str, str]]

    def is_about(self, **labels: str) -> bool:
        """Tell whether it has these labels, among others."""
        return labels.items() <= self.labels


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs."""

    client: httpx2.AsyncClient

    async def firing(self) -> list[Alert]:
        """Return the alerts that fire now."""
        found = await self._ask("alerts")
        return [
            Alert(each["labels"]["alertname"], frozenset(each["labels"].items()))
            for each in found["alerts"]
            if each["state"] == "firing"
        ]

    async def until(self, fires: Iterable[tuple[str, dict[str, str]]], *, clear: bool, within: float) -> None:
        """Wait until all of these alerts fire, or are clear; raises AssertionError naming those left."""
        left = list(fires)
        try:
            async with asyncio.timeout(within):
                while left:
                    await asyncio.sleep(_LOOK_SECONDS)
                    now = await self.firing()
                    left = [each for each in left if _fires(now, *each) is clear]
        except TimeoutError:
            now = await self.firing()
            raise AssertionError(
                f"{'still' if clear else 'never'} firing: {left}; firing now: {now}"
            ) from None

    async def query(self, query: str) -> list[Any]:
        """Return the series that a query has now."""
        found: list[Any] = (await self._ask("query", query=query))["result"]
        return found

    async def _ask(self, what: str, **parameters: str) -> Any:
        answer = await self.client.get(f"/api/v1/{what}", params=parameters)
        document = answer.json()
        assert document["status"] == "success", document
        return document["data"]


def _fires(now: Iterable[Alert], name: str, labels: dict[str, str]) -> bool:
    return any(each.name == name and each.is_about(**labels) for each in now)


@asynccontextmanager
async def watching(layout: Layout, folder: Path) -> AsyncIterator[Prometheus]:
    """Run it while the block lasts."""
    _write(layout, folder)
    port = ports.choose(folder / "ports.json", {"prometheus": 0})["prometheus"]
    command: list[str | Path] = [
        _BINARY,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={ports.LOOPBACK}:{port}",
    ]
    log = folder / "prometheus.log"
    running = Running.of(launch(command, log, folder), str(_BINARY))
    try:
        async with httpx2.AsyncClient(base_url=f"http://{ports.LOOPBACK}:{port}", timeout=10) as client:
            await _ready(client)
            yield Prometheus(client)
    finally:
        await asyncio.to_thread(stop_all, [running], _STOP_SECONDS)


def _write(layout: Layout, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.yml").write_text(shortened(RULES.read_text(encoding="utf-8")), encoding="utf-8")
    (folder / "prometheus.yml").write_text(_configuration(layout), encoding="utf-8")


async def _ready(client: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                if (await client.get("/-/ready")).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(_LOOK_SECONDS)


def _configuration(layout: Layout) -> str:
    targets = [
        {"targets": [f"{ports.LOOPBACK}:{port}"], "labels": {"instance": name}}
        for name, port in layout.health.items()
    ]
    return yaml.safe_dump(
        {
            "global": {"scrape_interval": _EVERY, "scrape_timeout": _EVERY, "evaluation_interval": _EVERY},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "cairn", "static_configs": targets}],
        }
    )


def shortened(rules: str) -> str:
    """Return the rules with what they wait for in seconds: the conditions stay what they are."""
    rules = re.sub(r"\bfor: \d+[mh]", f"for: {_HELD}", rules)
    rules = re.sub(r"\[\d+m\]", f"[{_RANGE}]", rules)
    return re.sub(r"(_seconds\)) > (60|300)\b", rf"\1 > {_SILENT}", rules)
