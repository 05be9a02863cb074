# SPDX-License-Identifier: Apache-2.0
"""The images, and how they are tried where there is no container engine."""
