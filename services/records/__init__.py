# SPDX-License-Identifier: Apache-2.0
"""Decisions in, the authoritative record out."""
