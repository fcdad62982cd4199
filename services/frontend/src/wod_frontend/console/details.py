"""One registration, seat, command, workshop, location or account, with what belongs to it and what can be done."""

import asyncio
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse

from wod_common.commands import WORKSHOP_PATTERN
from wod_frontend.console.access import Rank
from wod_frontend.console.acts import Act
from wod_frontend.console.backstage import Calls, Row
from wod_frontend.console.desk import Desk, DeskDep
from wod_frontend.console.lists import admit, names
from wod_frontend.console.offered_acts import of_row
from wod_frontend.console.timeline import outputs, story

router = APIRouter(prefix="/console", default_response_class=HTMLResponse, include_in_schema=False)

Number = Annotated[int, Path(ge=0, le=2**63 - 1)]
Notebook = Annotated[str, Path(pattern=WORKSHOP_PATTERN)]
#: A registration has few; what is beyond is on the list.
MOST_COMMANDS = 50


@router.get("/registrations/{number}")
async def registration(number: Number, request: Request, desk: DeskDep) -> Response:
    row = await desk.api.get(f"/api/v1/registrations/by-id/{number}")
    found, audit = await asyncio.gather(
        desk.api.get("/api/v1/commands", registration=number, limit=MOST_COMMANDS),
        _audit(desk.api, "registration", number),
    )
    commands = await asyncio.gather(*(desk.api.get(f"/api/v1/commands/{one['id']}") for one in found["items"]))
    mails = [mail | {"acts": _acts(desk, "mails", mail)} for mail in row["mails"]]
    shown = {"row": row, "story": story(row, commands), "mails": mails, "audit": audit}
    return _page(desk, request, "registration.html", "registrations", **shown)


@router.get("/students/{number}")
async def student(number: Number, request: Request, desk: DeskDep) -> Response:
    row, known = await asyncio.gather(desk.api.get(f"/api/v1/students/{number}"), names(desk))
    registrations, commands, audit = await asyncio.gather(
        desk.api.get("/api/v1/registrations", student=number, limit=20),
        desk.api.get("/api/v1/commands", student=number, limit=20),
        _audit(desk.api, "student", number),
    )
    shown = {"row": row, "registrations": registrations["items"], "commands": commands["items"]}
    return _page(desk, request, "student.html", "students", **shown, audit=audit, names=known)


@router.get("/commands/{identity}")
async def command(identity: UUID, request: Request, desk: DeskDep) -> Response:
    row = await desk.api.get(f"/api/v1/commands/{identity}")
    audit, known = await asyncio.gather(_audit(desk.api, "command", identity), names(desk))
    return _page(
        desk, request, "command.html", "commands", row=row, outputs=outputs(row["reports"]), audit=audit, names=known
    )


@router.get("/workshops/{notebook}")
async def workshop(notebook: Notebook, request: Request, desk: DeskDep) -> Response:
    path = f"/api/v1/workshops/{quote(notebook)}"
    row, placements, audit = await asyncio.gather(
        desk.api.get(path), desk.api.get(f"{path}/placements"), _audit(desk.api, "workshop", notebook)
    )
    places = [place | {"acts": _acts(desk, "placements", place)} for place in placements["items"]]
    return _page(desk, request, "workshop.html", "workshops", row=row, places=places, audit=audit)


@router.get("/locations/{number}")
async def location(number: Number, request: Request, desk: DeskDep) -> Response:
    row, audit = await asyncio.gather(desk.api.get(f"/api/v1/locations/{number}"), _audit(desk.api, "location", number))
    return _page(desk, request, "location.html", "locations", row=row, audit=audit)


@router.get("/accounts/{number}")
async def account(number: Number, request: Request, desk: DeskDep) -> Response:
    admit(desk, Rank.ADMIN)
    row = await desk.api.get(f"/api/v1/accounts/{number}")
    audit, done = await asyncio.gather(
        _audit(desk.api, "account", number), desk.api.get("/api/v1/audit", username=row["username"], limit=20)
    )
    return _page(desk, request, "account.html", "accounts", row=row, audit=audit, acted=done["items"])


async def _audit(api: Calls, kind: str, identity: object) -> list[Row]:
    found = await api.get("/api/v1/audit", object_type=kind, object_id=str(identity), limit=20)
    items: list[Row] = found["items"]
    return items


def _acts(desk: Desk, kind: str, row: Row) -> list[Act]:
    return [act for act in of_row(kind, row) if desk.operator.may(act.needs)]


def _page(desk: Desk, request: Request, template: str, kind: str, **shown: Any) -> Response:
    acts = _acts(desk, kind, shown["row"])
    return desk.page(template, acts=acts, done=request.query_params.get("done", ""), **shown)
