"""A class for its instructor: who is in and how far, who wants help, the roster, and the poster to project."""

import asyncio
from typing import Annotated, Any

import segno
from fastapi import APIRouter, File, Form, Path, Request, Response, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup

from wod_frontend.api import ApiRefused
from wod_frontend.console.backstage import Row
from wod_frontend.console.desk import AnyDesk, Desk
from wod_frontend.console.offered_acts import of_row

router = APIRouter(prefix="/console/classes", default_response_class=HTMLResponse, include_in_schema=False)
ClassId = Annotated[int, Path(ge=1, le=2**31 - 1)]
RegistrationId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Token = Annotated[str, Form()]


@router.get("/{number}")
async def show(number: ClassId, request: Request, desk: AnyDesk) -> Response:
    return await _page(desk, number, done=request.query_params.get("done", ""))


async def _page(desk: Desk, number: int, status: int = 200, **said: Any) -> Response:
    path = f"/api/v1/classes/{number}"
    row, people, invited = await asyncio.gather(
        desk.api.get(path), desk.api.get(f"{path}/participants"), desk.api.get(f"{path}/invitations")
    )
    shown = {"done": "", "errors": [], "refused": "", "taken": None} | said
    return desk.page(
        "class.html",
        status,
        row=row,
        acts=of_row("classes", row),
        people=people["items"],
        invited=invited["items"],
        **shown,
    )


@router.get("/{number}/poster")
async def poster(number: ClassId, desk: AnyDesk) -> Response:
    """To project: the code, and the way to it for a telephone's camera."""
    row = await desk.api.get(f"/api/v1/classes/{number}")
    return desk.page("poster.html", row=row, picture=qr_code(row["join_url"]))


def qr_code(address: str) -> Markup:
    """As SVG, dark on light in any scheme: cameras want it so."""
    code = segno.make(address, error="m", micro=False)
    drawn = code.svg_inline(scale=8, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True)
    return Markup(drawn)  # noqa: S704 - segno draws modules; the address is not a text in it


@router.post("/{number}/people/{registration}/helped")
async def helped(number: ClassId, registration: RegistrationId, desk: AnyDesk, form_token: Token = "") -> Response:
    desk.check_form(form_token)
    await desk.api.call("POST", f"/api/v1/classes/{number}/participants/{registration}/help-done")
    return RedirectResponse(f"/console/classes/{number}", 303)


@router.post("/{number}/roster")
async def roster(
    number: ClassId,
    desk: AnyDesk,
    file: Annotated[UploadFile | None, File()] = None,
    text: Annotated[str, Form()] = "",
    form_token: Token = "",
) -> Response:
    """A file, or what was pasted; while a line is broken nobody is invited, and each is told with its number."""
    desk.check_form(form_token)
    content = await file.read() if file is not None and file.filename else text.encode()
    try:
        taken = await desk.api.upload(f"/api/v1/classes/{number}/roster", content, "text/csv")
    except ApiRefused as refused:
        problem = refused.problem
        return await _page(desk, number, problem.status, errors=problem.errors or [], refused=problem.detail)
    return await _page(desk, number, taken=taken)


@router.post("/{number}/speaker")
async def speak(number: ClassId, desk: AnyDesk, terms: Annotated[str, Form()] = "", form_token: Token = "") -> Response:
    """A lab for whoever speaks; the way to it goes to the account's address."""
    desk.check_form(form_token)
    if not terms:
        return RedirectResponse(f"/console/classes/{number}", 303)
    body: Row = {"terms_version": desk.pages.branding.terms_version}
    try:
        await desk.api.call("POST", f"/api/v1/classes/{number}/speaker", json=body)
    except ApiRefused as refused:
        return await _page(desk, number, refused.problem.status, refused=refused.problem.detail)
    return RedirectResponse(f"/console/classes/{number}?done=speaker", 303)
