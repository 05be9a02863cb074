# SPDX-License-Identifier: Apache-2.0
"""Cairn: what integrators, partners and the three services share."""
