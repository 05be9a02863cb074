# SPDX-License-Identifier: Apache-2.0
"""How Cairn is put where it runs."""
