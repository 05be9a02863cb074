# SPDX-License-Identifier: Apache-2.0
"""The contract as documents, generated from the models: JSON Schemas, AsyncAPI 3, a page of all events."""
