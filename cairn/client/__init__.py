# SPDX-License-Identifier: Apache-2.0
"""The typed async client: publish results, rules and policies, and ask for the record.

Each module has one client: ``records``, ``rules``, ``policies``, ``results_http``,
``results_kafka``. What goes wrong is raised as one of ``errors``.
"""
