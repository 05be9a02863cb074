# SPDX-License-Identifier: Apache-2.0
"""What the local stack is fed with: real results, generated ones, and streams derived from either."""
