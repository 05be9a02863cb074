# SPDX-License-Identifier: Apache-2.0
"""Cairn on Kubernetes: the manifests, what of them follows from the code, and the checks on them."""
