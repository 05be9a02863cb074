# SPDX-License-Identifier: Apache-2.0
"""The gRPC edge of a service: its server, who calls, and the one place that maps errors to status codes."""
