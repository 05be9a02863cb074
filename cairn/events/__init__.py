# SPDX-License-Identifier: Apache-2.0
"""The models of everything that travels between the services, declared once."""
