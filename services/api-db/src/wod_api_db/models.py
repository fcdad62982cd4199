"""Every table, for whoever needs the whole: migrations and relationships."""

from wod_api_db.accounts.models import Account, WorkerSighting
from wod_api_db.audit.models import AuditEntry
from wod_api_db.badges.models import Badge, SpecialBadge
from wod_api_db.classes.models import Class, Invitation
from wod_api_db.commands.models import CommandEventRow, CommandRow
from wod_api_db.db import Base
from wod_api_db.feedback.models import Feedback
from wod_api_db.locations.models import Location
from wod_api_db.mail.models import Mail, MailOptout
from wod_api_db.notices.models import Notice
from wod_api_db.pauses.models import Announcement, Pause
from wod_api_db.registrations.models import Registration, RegistrationEvent
from wod_api_db.students.models import Student
from wod_api_db.workshops.models import Placement, Workshop

__all__ = [
    "Account",
    "Announcement",
    "AuditEntry",
    "Badge",
    "Base",
    "Class",
    "CommandEventRow",
    "CommandRow",
    "Feedback",
    "Invitation",
    "Location",
    "Mail",
    "MailOptout",
    "Notice",
    "Pause",
    "Placement",
    "Registration",
    "RegistrationEvent",
    "SpecialBadge",
    "Student",
    "WorkerSighting",
    "Workshop",
]
