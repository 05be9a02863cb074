# SPDX-License-Identifier: Apache-2.0
"""The three services: application code, run from the checkout or an image, never in a wheel."""
