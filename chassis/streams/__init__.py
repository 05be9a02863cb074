# SPDX-License-Identifier: Apache-2.0
"""Consuming topics: records, handlers, the two runners, and the one place that acknowledges."""
