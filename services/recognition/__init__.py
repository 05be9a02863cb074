# SPDX-License-Identifier: Apache-2.0
"""Competency events in, decisions out."""
