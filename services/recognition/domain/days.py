# SPDX-License-Identifier: Apache-2.0
"""Days of a tenant: the one place where an instant becomes a date (design section 4)."""

from datetime import date, datetime, tzinfo


def day_of(instant: datetime, zone: tzinfo) -> date:
    """Return the day on which an instant falls in a tenant's time zone."""
    return instant.astimezone(zone).date()
