# SPDX-License-Identifier: Apache-2.0
"""What recognition meets the outside with: PostgreSQL and gRPC."""
