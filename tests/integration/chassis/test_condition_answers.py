# SPDX-License-Identifier: Apache-2.0
"""The readiness endpoint answers 503 with the reasons until every condition is met."""

import aiohttp

from chassis.health import Health, serving


async def test_not_ready_says_why() -> None:
    health = Health()
    health.expect("database", "connecting")
    async with (
        serving(health, 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
    ):
        async with client.get("/readyz") as answer:
            assert answer.status == 503
            assert await answer.json() == {
                "ready": False,
                "conditions": {"database": {"holds": False, "reason": "connecting"}},
            }
        health.met("database")
        async with client.get("/readyz") as answer:
            assert answer.status == 200
