# SPDX-License-Identifier: Apache-2.0
"""The use cases of recognition: publishing rules, and following attainments."""
