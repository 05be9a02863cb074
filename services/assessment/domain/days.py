# SPDX-License-Identifier: Apache-2.0
"""Days of a tenant: the one place where an instant becomes a date and a deadline an instant.

A day is a day in the tenant's time zone, and a deadline ends with its day (design section 4).
"""

import calendar
from datetime import UTC, date, datetime, timedelta, tzinfo


def day_of(instant: datetime, zone: tzinfo) -> date:
    """Return the day on which an instant falls in a tenant's time zone."""
    return instant.astimezone(zone).date()


def end_of(day: date, zone: tzinfo) -> datetime:
    """Return the instant, in UTC, at which a day is over in a tenant's time zone."""
    after = day + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(UTC)


def months_after(day: date, months: int) -> date:
    """Return the same day of a later month, or that month's last day where it is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
