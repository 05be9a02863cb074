# SPDX-License-Identifier: Apache-2.0
"""The use cases of records: keep the ledger, and tell what it says to whoever may know."""
