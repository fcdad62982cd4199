"""The session as a calendar entry (RFC 5545), for whoever lives by the calendar."""

from datetime import UTC, datetime, timedelta

from icalendar import Alarm, Calendar, Event

from wod_api_db.mail.rendering import MailContext, one_line

_PRODUCT = "-//Workshops-on-Demand//api-db//EN"
#: At most; of a short session a quarter.
_ALARM_LEAD = timedelta(minutes=15)


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
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written.decode()


def _alarm(title: str, length: timedelta) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", f"{title}: your lab closes soon, save what you want to keep.")
    alarm.add("trigger", -min(_ALARM_LEAD, length / 4), parameters={"RELATED": "END"})
    return alarm
