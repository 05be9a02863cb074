# SPDX-License-Identifier: Apache-2.0
"""The gRPC contract of what operators see and do."""
