"""A workshop's page and its registration form: for a seat, for the waiting list, or into a class."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict

from wod_common.commands import WORKSHOP_PATTERN
from wod_common.problems import ProblemDetails
from wod_frontend import browser_keys
from wod_frontend.api import Api, ApiRefused
from wod_frontend.language import gettext, later
from wod_frontend.pages import Pages
from wod_frontend.players import player_of
from wod_frontend.refusals import in_own_words, paused
from wod_frontend.state import ApiDep, PagesDep
from wod_frontend.wire import JoinedClass, Workshop

#: What the form asks for, in its order; an error elsewhere is shown above the form.
FIELDS = ("name", "email", "company", "terms")
CROWD = later("Very many people register from your network right now. Wait a minute, then send the form again.")
MISSING = {
    "name": later("Tell us your name, as the lab shall greet you."),
    "email": later("Give us your e-mail address: the password of your lab is sent there."),
    "terms": later("Please accept the terms to get a lab."),
}

router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
Notebook = Annotated[str, Path(pattern=WORKSHOP_PATTERN)]


class Typed(BaseModel):
    """What the visitor typed; every field may be missing, for the answer is ours to phrase."""

    model_config = ConfigDict(str_strip_whitespace=True)

    name: str = ""
    email: str = ""
    company: str = ""
    terms: str = ""
    wait: str = ""
    join_code: str = ""
    form_token: str = ""

    def missing(self) -> dict[str, str]:
        """Errors that need no question to the api-db."""
        return {field: gettext(sentence) for field, sentence in MISSING.items() if not getattr(self, field)}

    def asked(self) -> dict[str, Any]:
        """The person, and how he wants in; what was not wanted is not named."""
        asked: dict[str, Any] = self.model_dump(include={"name", "email", "company"})
        if self.wait:
            asked["wait"] = True
        if self.join_code:
            asked["join_code"] = self.join_code
        return asked


@router.get("/workshops/{notebook}")
async def show(notebook: Notebook, request: Request, api: ApiDep, pages: PagesDep) -> Response:
    return form_page(pages, request, await _active(api, notebook), Typed())


@router.post("/workshops/{notebook}")
async def register(
    notebook: Notebook, typed: Annotated[Typed, Form()], request: Request, api: ApiDep, pages: PagesDep
) -> Response:
    pages.guard.check(request, typed.form_token)
    if errors := typed.missing():
        return form_page(pages, request, await _active(api, notebook), typed, errors, 422)
    asked = typed.asked() | {"workshop": notebook, "terms_version": pages.branding.terms_version}
    try:
        made = await api.register(asked, request.client.host if request.client else None)
    except ApiRefused as refused:
        return await _refused(refused, typed, notebook, request, api, pages)
    response = RedirectResponse(f"/sessions/{made.token}", 303)
    browser_keys.remember(response, made.token, made.browser_key, secure=pages.guard.secure)
    return response


async def _active(api: Api, notebook: str) -> Workshop:
    workshop = await api.workshop(notebook)
    if not workshop.active:
        raise ApiRefused(ProblemDetails(type="not-found", title="", status=404, detail="not active"))
    return workshop


async def _refused(
    refused: ApiRefused, typed: Typed, notebook: str, request: Request, api: Api, pages: Pages
) -> Response:
    problem = refused.problem
    if problem.type == "already-registered":
        # says the same to the holder of the address and to whoever tries addresses
        return pages.render(request, "check_mail.html", 202)
    workshop = await _active(api, notebook)
    if problem.type == "workshop-full":
        return form_page(pages, request, workshop.model_copy(update={"room": 0}), typed, {}, 409)
    if problem.type in {"registration-paused", "workshop-nowhere"}:
        closed = workshop.model_copy(update={"paused": paused(problem)})
        return form_page(pages, request, closed, typed, {}, 409)
    if problem.status == 429:
        # what was typed stays: the visitor is most likely one of a crowd behind one address
        response = form_page(pages, request, workshop, typed, {"": gettext(CROWD)}, 429)
        response.headers.update(refused.headers)
        return response
    if problem.status in {404, 409, 422}:
        return form_page(pages, request, workshop, typed, _beside_fields(problem), problem.status)
    raise refused


def _beside_fields(problem: ProblemDetails) -> dict[str, str]:
    """The first error of each field; what belongs to none goes under ``""``."""
    errors: dict[str, str] = {}
    for item in problem.errors or []:
        field = item.get("field", "").removeprefix("body.")
        errors.setdefault(field if field in FIELDS else "", in_own_words(problem, item.get("message", problem.detail)))
    return errors or {"": in_own_words(problem)}


def form_page(
    pages: Pages,
    request: Request,
    workshop: Workshop,
    typed: Typed,
    errors: dict[str, str] | None = None,
    status: int = 200,
    joined: JoinedClass | None = None,
) -> Response:
    player = player_of(workshop.replay_link)
    return pages.render(
        request,
        "workshop.html",
        status,
        player.headers if player else None,
        workshop=workshop,
        typed=typed,
        errors=errors or {},
        refused=status == 409 and not errors,
        joined=joined,
        player=player,
    )
