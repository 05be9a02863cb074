# SPDX-License-Identifier: Apache-2.0
"""The relay: publishes what units of work have committed, in order, at least once."""
