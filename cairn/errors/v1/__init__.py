# SPDX-License-Identifier: Apache-2.0
"""Version 1 of the gRPC contract of the reasons that every error names: stubs generated from protos/."""
