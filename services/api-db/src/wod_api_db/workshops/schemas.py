"""Workshops on the wire."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from wod_api_db.workshops.repository import Offer

EXAMPLE: dict[str, Any] = {
    "notebook": "WKSHP-API101",
    "name": "API 101: speak REST fluently",
    "description": "Call real services and read their answers.",
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
    "waiting": 0,
    "pre_requisite": "",
    "paused": None,
    "extensions": 1,
    "extension_seconds": 3600,
    "created_at": "2026-11-02T09:00:00Z",
}


class WorkshopView(BaseModel):
    """A workshop as the portal shows it."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    notebook: str = Field(description="The folder's name; identifies the workshop")
    name: str
    description: str
    category: list[str]
    duration_seconds: int
    presenter: str
    role: str
    avatar: str
    image: str = Field(description="URL of a picture; empty where the workshop brings none")
    replay_link: str
    priority: int
    session_type: str
    active: bool
    room: int = Field(
        description="How many registrations it takes right now, over all its locations; none while somebody waits"
    )
    seats: int = Field(description="How many it takes when nobody is in, over all its locations")
    waiting: int = Field(description="How many are on its waiting list and have not been offered a seat")
    pre_requisite: str = Field(
        description="What a visitor should know or have done before; empty where nothing is asked"
    )
    paused: str | None = Field(description="Nobody is registered for now, and this text says why")
    extensions: int = Field(description="How often a session may be extended")
    extension_seconds: int = Field(description="By how much each time")
    created_at: datetime = Field(description="When it came into the catalogue")


class WorkshopList(BaseModel):
    """The catalogue."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [EXAMPLE]}]})

    items: list[WorkshopView]


class PopularWorkshops(BaseModel):
    """Ten at most."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": ["WKSHP-API101", "WKSHP-Git101"]}]})

    items: list[str] = Field(description="Folder names, the most popular first")


def view(offer: Offer) -> WorkshopView:
    workshop = offer.workshop
    extension = workshop.extension or workshop.duration / 2
    return WorkshopView(
        notebook=workshop.notebook,
        name=workshop.name,
        description=workshop.description,
        category=workshop.category,
        duration_seconds=int(workshop.duration.total_seconds()),
        presenter=workshop.presenter,
        role=workshop.role,
        avatar=workshop.avatar,
        image=workshop.workshop_img,
        replay_link=workshop.replay_link,
        priority=workshop.priority,
        session_type=workshop.session_type,
        active=workshop.active,
        room=offer.room,
        seats=offer.seats,
        waiting=offer.waiting,
        pre_requisite=workshop.pre_requisite,
        paused=offer.paused,
        extensions=workshop.extensions,
        extension_seconds=int(extension.total_seconds()),
        created_at=workshop.created_at,
    )
