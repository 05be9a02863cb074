# SPDX-License-Identifier: Apache-2.0
"""What an operator watches: the alerts, and the dashboard that is generated."""
