# SPDX-License-Identifier: Apache-2.0
"""Days of a tenant: the one place where an instant becomes a day, and a day instants (design section 4)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


def day_of(instant: datetime, zone: str) -> date:
    """Return the day on which an instant falls in a time zone."""
    return instant.astimezone(ZoneInfo(zone)).date()


def beginning_of(day: date, zone: str) -> datetime:
    """Return the instant, in UTC, at which a day begins in a time zone."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def end_of(day: date, zone: str) -> datetime:
    """Return the instant, in UTC, at which a day is over in a time zone."""
    return beginning_of(day + timedelta(days=1), zone)
