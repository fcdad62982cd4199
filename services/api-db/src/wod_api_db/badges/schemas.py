"""Badges on the wire."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

ROW_EXAMPLE: dict[str, Any] = {
    "id": 17,
    "token": "0b0c6d38-6a2c-4f5e-9b4e-0c4f4d7f0a11",
    "workshop": "WKSHP-API101",
    "special_badge": None,
    "registration": 41,
    "awarded_at": "2026-11-23T18:30:00Z",
}
_SPECIAL_EXAMPLE: dict[str, Any] = {
    "id": 1,
    "threshold": 3,
    "name": "Apprentice",
    "title": "Workshops-on-Demand Apprentice",
    "description": "Three different workshops finished.",
    "image": "/api/v1/special-badges/1/image.svg",
}
_EARNED_EXAMPLE: dict[str, Any] = {
    "token": "0b0c6d38-6a2c-4f5e-9b4e-0c4f4d7f0a11",
    "name": "API 101: speak REST fluently",
    "special_badge": None,
    "shown_name": "Ada Martin",
}
_IMAGE = "URL of the picture that it brings, else the path of the one drawn by this service"


class BadgeView(BaseModel):
    """A badge as its owner shares it. Nothing in it tells whose it is, unless the owner wanted his name there."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "token": "0b0c6d38-6a2c-4f5e-9b4e-0c4f4d7f0a11",
                    "workshop": "WKSHP-API101",
                    "special_badge": None,
                    "name": "API 101: speak REST fluently",
                    "description": "Call real services and read their answers.",
                    "awarded_at": "2026-11-23T18:30:00Z",
                    "finished": 4,
                    "shown_name": "",
                    "image": "/api/v1/badges/0b0c6d38-6a2c-4f5e-9b4e-0c4f4d7f0a11/image.svg",
                }
            ]
        }
    )

    token: UUID = Field(description="What the owner shares")
    workshop: str | None = Field(description="The workshop's folder name; null for a special badge")
    special_badge: int | None = Field(description="The special badge's id; null for a workshop's")
    name: str = Field(description="The workshop's title, or the special badge's")
    description: str
    awarded_at: datetime
    finished: int = Field(description="How many distinct workshops its owner has finished until now")
    shown_name: str = Field(description="The owner's name where he put it there, else empty")
    image: str = Field(description=_IMAGE)


class EarnedBadge(BaseModel):
    """A badge as its owner sees it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EARNED_EXAMPLE]})

    token: UUID = Field(description="The badge's page is under it")
    name: str
    special_badge: int | None
    shown_name: str = Field(description="The name that the badge's page tells; empty where it tells none")


class EarnedBadges(BaseModel):
    """The workshop's, and special ones where there are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_EARNED_EXAMPLE]}]})

    items: list[EarnedBadge]


class EarnedBadgeChange(BaseModel):
    """What the owner wants."""

    model_config = ConfigDict(extra="forbid")

    show_name: bool = Field(description="Whether the badge's page tells the name of the registration")


class BadgeRow(BaseModel):
    """A badge as an operator sees it in a list, the person by the registration only."""

    id: int
    token: UUID
    workshop: str | None
    special_badge: int | None
    registration: int = Field(description="The one that earned it")
    awarded_at: datetime


class SpecialBadgeView(BaseModel):
    """A badge for having finished several workshops."""

    id: int
    threshold: int = Field(description="How many distinct workshops it takes")
    name: str
    title: str
    description: str
    image: str = Field(description=_IMAGE)


class SpecialBadgeList(BaseModel):
    """All of them: there are a few."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_SPECIAL_EXAMPLE]}]})

    items: list[SpecialBadgeView]
