"""Placements over REST: where a workshop is given, with which seats, and how operators change that."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.dependencies import Admin, Moderator
from wod_api_db.db import SessionDep
from wod_api_db.locations.schemas import LARGEST_SEATS, LocationId, LocationPath
from wod_api_db.workshops import placement_repository as repository
from wod_api_db.workshops import placing
from wod_api_db.workshops.models import RangeReset
from wod_common.problems import Conflict, Forbidden, NotFound, Unauthorized, Unprocessable, responses

router = APIRouter(prefix="/api/v1/workshops/{notebook}", tags=["placements"])

Notebook = Annotated[str, Path(max_length=80, pattern=r"^[^\x00]+$", description="The workshop's folder name")]
SeatNumber = Annotated[int, Field(ge=1, le=LARGEST_SEATS)]
Capacity = Annotated[int, Field(ge=0, le=LARGEST_SEATS, description="How many at a time")]
Rank = Annotated[int, Field(ge=0, le=1000, description="0 is the first choice, higher ones are its alternates")]

_READS = responses(Unauthorized, Forbidden, NotFound)
_CHANGES = responses(Unauthorized, Forbidden, NotFound, Conflict, Unprocessable)


_EXAMPLE: dict[str, Any] = {
    "workshop": "WKSHP-API101",
    "location": 1,
    "location_name": "Grenoble",
    "first": 1,
    "last": 40,
    "capacity": 30,
    "speaker_seat": True,
    "rank": 0,
    "room": 12,
    "imported": True,
    "closed_at": None,
    "reset_range": False,
    "range_reset": None,
    "ready_minimum": 2,
    "ready_maximum": 10,
    "ready_target": 4,
    "ready_seats": 3,
}


class Move(BaseModel):
    """Where the workshop is given from now on."""

    model_config = ConfigDict(extra="forbid")

    location: LocationId
    first: SeatNumber
    last: SeatNumber
    capacity: Capacity


class NewPlacement(Move):
    """Where the workshop is given as well."""

    rank: Rank = 1


class PlacementChange(BaseModel):
    """What is left out stays. Another range counts for those who come from now on."""

    model_config = ConfigDict(extra="forbid")

    first: SeatNumber | None = None
    last: SeatNumber | None = None
    capacity: Capacity | None = None
    speaker_seat: bool | None = Field(default=None, description="The last seat is the speaker's, and nobody else's")
    rank: Rank | None = None
    reset_range: bool | None = Field(default=None, description="Seats are reset all together, when the last one is out")
    ready_minimum: Annotated[int, Field(ge=0, le=LARGEST_SEATS)] | None = Field(
        default=None, description="So many seats are deployed ahead, and handed over at once to whoever registers"
    )
    ready_maximum: Annotated[int, Field(ge=0, le=LARGEST_SEATS)] | None = Field(
        default=None, description="With the demand, up to so many; 0 keeps the minimum alone"
    )
    closed: bool | None = Field(default=None, description="A closed placement takes nobody; who is in stays")

    @model_validator(mode="after")
    def _null_is_no_value(self) -> "PlacementChange":
        for name in self.model_fields_set:
            if getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null; leave it out to keep it as it is")
        return self


class PlacementView(BaseModel):
    """A workshop at a location."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    workshop: str
    location: int
    location_name: str
    first: int
    last: int
    capacity: int
    speaker_seat: bool = Field(description="The last seat is the speaker's, and out of public reach")
    rank: int
    room: int = Field(description="How many it takes right now")
    imported: bool = Field(description="The range is the author's; an operator's own is left alone by the import")
    closed_at: datetime | None
    reset_range: bool
    range_reset: RangeReset | None = Field(description="Where the reset of the whole range stands, if there is one")
    ready_minimum: int = Field(description="How many seats are kept deployed ahead, whatever the demand")
    ready_maximum: int = Field(description="How many with the demand; 0 where it is not followed")
    ready_target: int = Field(description="How many shall be ready now")
    ready_seats: int = Field(description="How many are")


class PlacementList(BaseModel):
    """Where a workshop is given."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_EXAMPLE]}]})

    items: list[PlacementView]


@router.get("/placements", responses=_READS)
async def list_placements(notebook: Notebook, session: SessionDep, _: Moderator) -> PlacementList:
    """In the order in which they are tried."""
    return await _listed(session, notebook)


@router.get("/placements/{location_id}", responses=_READS)
async def show_placement(
    notebook: Notebook, location_id: LocationPath, session: SessionDep, _: Moderator
) -> PlacementView:
    """The workshop at one location."""
    return await _shown(session, notebook, location_id)


@router.post("/placements", status_code=201, responses=_CHANGES)
async def add_placement(notebook: Notebook, new: NewPlacement, session: SessionDep, admin: Admin) -> PlacementView:
    """Gives the workshop at one more location, as an alternate or as another first choice."""
    await placing.add(session, admin, notebook, placing.Terms(**new.model_dump()))
    return await _shown(session, notebook, new.location)


@router.patch("/placements/{location_id}", responses=_CHANGES)
async def change_placement(
    notebook: Notebook, location_id: LocationPath, change: PlacementChange, session: SessionDep, admin: Admin
) -> PlacementView:
    """Refused where the range would overlap an active workshop's, or go beyond the location's seats."""
    await placing.change(session, admin, notebook, location_id, change.model_dump(exclude_unset=True))
    return await _shown(session, notebook, location_id)


@router.post("/placements/{location_id}/reset", responses=_CHANGES)
async def reset_placement(
    notebook: Notebook, location_id: LocationPath, session: SessionDep, admin: Admin
) -> PlacementView:
    """Has the whole range reset; refused with the seats that are in use. Repeatable."""
    await placing.reset(session, admin, notebook, location_id)
    return await _shown(session, notebook, location_id)


@router.post("/move", responses=_CHANGES)
async def move_workshop(notebook: Notebook, move: Move, session: SessionDep, admin: Admin) -> PlacementList:
    """Gives the workshop there instead: the old first choice is closed, who is in stays until his end. Repeatable."""
    await placing.move(session, admin, notebook, placing.Terms(**move.model_dump()))
    return await _listed(session, notebook)


async def _listed(session: AsyncSession, notebook: str) -> PlacementList:
    workshop = await placing.workshop_named(session, notebook)
    rows = await repository.of_workshop(session, workshop.id)
    return PlacementList(items=[_view(notebook, row) for row in rows])


async def _shown(session: AsyncSession, notebook: str, location_id: int) -> PlacementView:
    workshop = await placing.workshop_named(session, notebook)
    for row in await repository.of_workshop(session, workshop.id, location_id):
        return _view(notebook, row)
    raise placing.nowhere(notebook, location_id)


def _view(notebook: str, shown: repository.Shown) -> PlacementView:
    placement = shown.placement
    return PlacementView(
        workshop=notebook,
        location=placement.location_id,
        location_name=placement.location.name,
        first=placement.first_seat,
        last=placement.last_seat,
        capacity=placement.capacity,
        speaker_seat=placement.speaker_seat,
        rank=placement.rank,
        room=shown.room,
        imported=placement.imported,
        closed_at=placement.closed_at,
        reset_range=placement.reset_range,
        range_reset=placement.range_reset,
        ready_minimum=placement.ready_minimum,
        ready_maximum=placement.ready_maximum,
        ready_target=shown.ready_target,
        ready_seats=shown.ready_seats,
    )
