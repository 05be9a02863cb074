# SPDX-License-Identifier: Apache-2.0
"""The ledger and the record, as pure functions of what has been decided."""
