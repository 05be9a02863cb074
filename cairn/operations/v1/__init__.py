# SPDX-License-Identifier: Apache-2.0
"""Version 1 of the gRPC contract of what operators see and do: stubs generated from protos/."""
