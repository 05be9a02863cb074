# SPDX-License-Identifier: Apache-2.0
"""The topics: the closed list of them, and the one way to make them on a broker."""
