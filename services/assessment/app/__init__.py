# SPDX-License-Identifier: Apache-2.0
"""The use cases of assessment: load, call the domain, store, all in one unit of work."""
