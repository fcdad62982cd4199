"""What becomes of a request that needs another session, or another role."""

from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from wod_frontend.console.access import RoleMissing, SignInNeeded, seats_of
from wod_frontend.state import pages_of


async def _sign_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeeded)
    asked: dict[str, str] = {}
    # what was sent is lost all the same: only a page that can be asked for again is come back to
    if request.method == "GET":
        asked["next"] = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if error.ended:
        asked["ended"] = "1"
    response = RedirectResponse(f"/console/sign-in?{urlencode(asked)}", 303)
    seats_of(request).leave(response)
    return response


async def _role_missing(request: Request, error: Exception) -> Response:
    operator = seats_of(request).read(request)
    return pages_of(request).render(request, "console/role_missing.html", 403, operator=operator, sentence=str(error))


def add_console_failures(app: FastAPI) -> None:
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(RoleMissing, _role_missing)
