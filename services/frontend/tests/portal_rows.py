"""The rows and refusals that the api-db's double shows."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from wod_api_db.badges.schemas import BadgeView
from wod_api_db.registrations.schemas import RegistrationView
from wod_api_db.workshops.schemas import WorkshopView
from wod_common.problems import Conflict

TOKEN = "41-c2lnbmVkLWJ5LXRoZS1hcGk"
OPTOUT = "41-dGhlLWxpbmstaW4tYS1tYWls"
BROWSER_KEY = "k" * 32
BADGE = BadgeView(
    token=UUID("0b0c6d38-6a2c-4f5e-9b4e-0c4f4d7f0a11"),
    workshop="WKSHP-API101",
    special_badge=None,
    name="API 101: speak REST fluently",
    description="Call real services & read their answers.",
    awarded_at=datetime(2026, 11, 23, 18, 30, tzinfo=UTC),
    finished=4,
    shown_name="",
    image="/api/v1/badges/0b0c6d38-6a2c-4f5e-9b4e-0c4f4d7f0a11/image.svg",
)
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


CODE = "K7QM-2XRD"
JOINED = {
    "title": "API 101 at the summit",
    "instructor": "grace",
    "workshop": "WKSHP-API101",
    "workshop_name": "API 101: speak REST fluently",
    "location_name": "Grenoble",
    "state": "open",
    "starts_at": "2026-12-01T09:00:00Z",
    "ends_at": "2026-12-01T11:00:00Z",
    "opens_at": "2026-12-01T08:45:00Z",
    "left": 42,
}
SPECIAL = {
    "id": 1,
    "threshold": 3,
    "name": "Apprentice",
    "title": "Workshops-on-Demand Apprentice",
    "description": "Three different workshops finished.",
    "image": "/api/v1/special-badges/1/image.svg",
}


class Full(Conflict):
    type = "workshop-full"


class AlreadyRegistered(Conflict):
    type = "already-registered"


def workshop(notebook: str = "WKSHP-API101", **changes: Any) -> WorkshopView:
    row: dict[str, Any] = {
        "notebook": notebook,
        "name": "API 101: speak REST fluently",
        "description": "Call real services, read their answers, and build a small client of your own.",
        "category": ["Open Source"],
        "duration_seconds": 7200,
        "presenter": "Ada Martin",
        "role": "Developer advocate",
        "avatar": "",
        "image": "",
        "replay_link": "",
        "priority": 1,
        "session_type": "Workshops-on-Demand",
        "active": True,
        "room": 6,
        "seats": 6,
        "pre_requisite": "",
        "paused": None,
        "waiting": 0,
        "extensions": 1,
        "extension_seconds": 3600,
        "created_at": START,
    }
    return WorkshopView.model_validate(row | changes)


def registration(**changes: Any) -> RegistrationView:
    row: dict[str, Any] = {
        "id": 41,
        "token": TOKEN,
        "state": "registered",
        "workshop": "WKSHP-API101",
        "workshop_name": "API 101: speak REST fluently",
        "name": "Grace",
        "username": "student7",
        "location": "Grenoble",
        "lab_url": "http://lab.test/hub/user-redirect/lab",
        "created_at": START,
        "running_since": None,
        "ends_at": None,
        "ended_at": None,
        "duration_seconds": 7200,
        "completion": None,
        "cleaned": False,
        "message": "Your seat is taken; the lab is next.",
        "waiting_before": None,
        "line": None,
        "ready_in_seconds": None,
        "extension_seconds": None,
        "mail_trouble": None,
        "announcement": None,
        "correctable": True,
        "class_id": None,
        "help_wanted_at": None,
        "last_event_id": 0,
    }
    return RegistrationView.model_validate(row | changes)
