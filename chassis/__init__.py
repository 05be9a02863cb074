# SPDX-License-Identifier: Apache-2.0
"""How any service runs: settings, streams, unit of work, relay, telemetry, health and shutdown."""

import os

# Read by gRPC when it is imported; otherwise it writes lines of its own, and no JSON, about every handshake
# that fails.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
