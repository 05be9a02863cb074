# SPDX-License-Identifier: Apache-2.0
"""Results in, competency events out."""
