# SPDX-License-Identifier: Apache-2.0
"""Where assessment touches the outside: PostgreSQL, Kafka, HTTP and gRPC."""
