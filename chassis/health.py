# SPDX-License-Identifier: Apache-2.0
"""Liveness and readiness that tell the truth, and the metrics of this process.

``/livez`` says that the event loop turns. ``/readyz`` is the conjunction of named conditions, each
held by the component that knows it; a condition nobody has met yet is not met. ``/metrics`` is for
Prometheus. Neither asks who is there, since neither holds anything of a learner or an institution.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from aiohttp import web
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from chassis import metrics
from chassis.metric_catalogue import CONDITION

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold for readiness; ``reason`` says why it does not, without learner data."""

    holds: bool
    reason: str


class Health:
    """The conditions of this process, by name."""

    def __init__(self) -> None:
        self._conditions: dict[str, Condition] = {}

    def expect(self, name: str, reason: str = "starting") -> None:
        """Make readiness depend on a condition that is not met yet."""
        self._conditions.setdefault(name, Condition(holds=False, reason=reason))
        self._measure()

    def met(self, name: str) -> None:
        """Say that a condition holds."""
        self._change(name, Condition(holds=True, reason=""))

    def unmet(self, name: str, reason: str) -> None:
        """Say that a condition does not hold, and why."""
        self._change(name, Condition(holds=False, reason=reason))

    def forget(self, name: str) -> None:
        """Drop a condition that no longer concerns this process, such as that of a lost partition."""
        self._conditions.pop(name, None)
        self._measure()

    @property
    def ready(self) -> bool:
        """Whether there are conditions and all of them hold."""
        return bool(self._conditions) and all(each.holds for each in self._conditions.values())

    def report(self) -> dict[str, object]:
        """Return what ``/readyz`` answers."""
        conditions = {
            name: {"holds": each.holds, **({"reason": each.reason} if each.reason else {})}
            for name, each in sorted(self._conditions.items())
        }
        return {"ready": self.ready, "conditions": conditions}

    def _measure(self) -> None:
        metrics.replace(CONDITION, {(name,): int(each.holds) for name, each in self._conditions.items()})

    def _change(self, name: str, condition: Condition) -> None:
        before = self._conditions.get(name)
        self._conditions[name] = condition
        self._measure()
        if before != condition:
            log.info("condition", name=name, holds=condition.holds, reason=condition.reason)


@asynccontextmanager
async def serving(health: Health, port: int, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Answer ``/livez``, ``/readyz`` and ``/metrics``; yields the port, which 0 leaves to the system."""

    async def livez(_request: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def readyz(_request: web.Request) -> web.Response:
        return web.json_response(health.report(), status=200 if health.ready else 503)

    async def measured(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return web.Response(body=encode(REGISTRY), headers={"content-type": content_type})

    application = web.Application()
    application.router.add_get("/livez", livez)
    application.router.add_get("/readyz", readyz)
    application.router.add_get("/metrics", measured)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        taken = int(runner.addresses[0][1])
        log.info("health", port=taken)
        yield taken
    finally:
        await runner.cleanup()
