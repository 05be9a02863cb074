# SPDX-License-Identifier: Apache-2.0
"""The gRPC contracts, and the generator of their stubs."""
