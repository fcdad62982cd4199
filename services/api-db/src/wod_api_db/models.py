"""Every table, for whoever needs the whole: migrations and relationships."""

from wod_api_db.accounts.models import Account, WorkerSighting
from wod_api_db.commands.models import CommandEventRow, CommandRow
from wod_api_db.db import Base
from wod_api_db.locations.models import Location
from wod_api_db.mail.models import Mail
from wod_api_db.registrations.models import Registration, RegistrationEvent
from wod_api_db.students.models import Student
from wod_api_db.workshops.models import Placement, Workshop

__all__ = [
    "Account",
    "Base",
    "CommandEventRow",
    "CommandRow",
    "Location",
    "Mail",
    "Placement",
    "Registration",
    "RegistrationEvent",
    "Student",
    "WorkerSighting",
    "Workshop",
]
