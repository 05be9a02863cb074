# SPDX-License-Identifier: Apache-2.0
"""Where records touches the outside: PostgreSQL, Kafka and gRPC."""
