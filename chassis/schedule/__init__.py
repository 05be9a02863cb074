# SPDX-License-Identifier: Apache-2.0
"""The schedule job of a service: timers that fall due, and scans after a publication."""
