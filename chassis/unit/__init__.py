# SPDX-License-Identifier: Apache-2.0
"""The unit of work: everything one batch does, in one transaction, always in the same order."""
