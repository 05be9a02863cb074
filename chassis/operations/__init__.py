# SPDX-License-Identifier: Apache-2.0
"""What operators see and do, alike at every service: progress, waiting records, replays, the breaker."""
