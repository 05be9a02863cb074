# SPDX-License-Identifier: Apache-2.0
"""A small service of the tests' own, with which the chassis is proved: it counts results."""
