# SPDX-License-Identifier: Apache-2.0
"""How any service runs: settings, streams, unit of work, relay, telemetry, health and shutdown."""
