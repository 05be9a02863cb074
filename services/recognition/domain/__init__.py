# SPDX-License-Identifier: Apache-2.0
"""The pure part of recognition: values in, values out; no clock, no I/O, no randomness."""
