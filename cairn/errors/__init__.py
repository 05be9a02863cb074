# SPDX-License-Identifier: Apache-2.0
"""The gRPC contract of the reasons that every error names."""
