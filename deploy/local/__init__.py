# SPDX-License-Identifier: Apache-2.0
"""A real Kafka broker, a real PostgreSQL and all of Cairn's processes on this machine, under ``build/``.

Python is all that it needs: the Java runtime and PostgreSQL are wheels, the broker is fetched as jars.
"""
