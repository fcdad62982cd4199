"""Sessions and classes as calendar entries (RFC 5545), for whoever lives by the calendar."""

from datetime import UTC, datetime, timedelta

from icalendar import Alarm, Calendar, Event

from wod_api_db.mail.rendering import ClassContext, Context, MailContext, one_line

_PRODUCT = "-//Workshops-on-Demand//api-db//EN"
#: At most; of a short session a quarter.
_ALARM_LEAD = timedelta(minutes=15)


def entry_of(template: str, context: Context, stamp: datetime) -> str | None:
    """The file that belongs to a mail; None where none does."""
    if template == "credentials" and isinstance(context, MailContext):
        return calendar_entry(context, stamp)
    if template in {"invitation", "class-cancelled"} and isinstance(context, ClassContext):
        return class_entry(context, stamp, cancelled=template == "class-cancelled")
    return None


def class_entry(context: ClassContext, stamp: datetime, *, cancelled: bool = False) -> str:
    """A class. A later one of the same class takes the earlier one's place, for it counts up; a cancelled one removes it."""
    event = Event()
    event.add("uid", context.calendar_uid)
    event.add("sequence", context.revision)
    event.add("dtstamp", stamp.astimezone(UTC))
    event.add("dtstart", context.starts_at.astimezone(UTC))
    event.add("dtend", context.ends_at.astimezone(UTC))
    event.add("summary", one_line(context.class_title))
    event.add("location", one_line(context.join_url))
    event.add("description", f"Join with the code {context.code}:\n{context.join_url}")
    event.add("url", context.join_url)
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    return _written(event, "CANCEL" if cancelled else "PUBLISH")


def calendar_entry(context: MailContext, stamp: datetime) -> str | None:
    """From the lab's readiness to the promised end, with an alarm before it; None where these are not known.

    ``stamp`` is when it was written. The password is not in it: calendars are shared and synchronised.
    """
    if context.starts_at is None or context.ends_at is None or context.calendar_uid is None:
        return None
    title = one_line(context.workshop_name)
    event = Event()
    event.add("uid", context.calendar_uid)
    event.add("dtstamp", stamp.astimezone(UTC))
    event.add("dtstart", context.starts_at.astimezone(UTC))
    event.add("dtend", context.ends_at.astimezone(UTC))
    event.add("summary", title)
    event.add("description", f"Your lab closes at the end of this entry.\nSee the time left: {context.session_url}")
    event.add("url", context.session_url)
    event.add("class", "PRIVATE")
    event.add_component(_alarm(title, context.ends_at - context.starts_at))
    return _written(event, "PUBLISH")


def _written(event: Event, method: str) -> str:
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written.decode()


def _alarm(title: str, length: timedelta) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", f"{title}: your lab closes soon, save what you want to keep.")
    alarm.add("trigger", -min(_ALARM_LEAD, length / 4), parameters={"RELATED": "END"})
    return alarm
