"""The only place that asks what time it is. Whatever depends on the time takes it as an argument."""

from datetime import UTC, date, datetime


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The date of this moment in UTC."""
    return now().date()
