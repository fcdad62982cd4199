"""Workshops on the wire."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

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
    room: int = Field(description="How many registrations it takes right now, over all its locations")
    seats: int = Field(description="How many it takes when nobody is in, over all its locations")


class WorkshopList(BaseModel):
    """The catalogue."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [EXAMPLE]}]})

    items: list[WorkshopView]
