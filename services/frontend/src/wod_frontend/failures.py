"""Every failure as a page that says what happened and where to go on."""

import re

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from wod_frontend.api import ApiAway, ApiRefused
from wod_frontend.language import gettext, later
from wod_frontend.security import HEADERS
from wod_frontend.state import pages_of

log = structlog.get_logger()
#: How long a visitor is asked to wait while the api-db is away.
RETRY_AFTER_SECONDS = 10

#: status: headline, sentence
WORDS = {
    403: (later("Please send that once more"), later("Go back, reload the page, and send the form again.")),
    404: (later("There is nothing here"), later("The address may be mistyped, or what it showed is gone.")),
    405: (later("That does not work here"), later("The address exists, but not for what was tried.")),
    413: (later("That is too much"), later("What was sent is larger than any form of ours.")),
    429: (later("One moment, please"), later("Too many tries in a short time. Wait a minute, then try again.")),
    500: (later("That was our mistake"), later("Something broke on our side. It is noted; please try again.")),
    503: (
        later("Back in a moment"),
        later("The workshops cannot be reached right now. A running lab runs on meanwhile."),
    ),
}
UNKNOWN = (later("That did not work"), later("The request was not understood. Start again from the workshops."))
SESSION_UNKNOWN = (
    later("We do not know this session"),
    later(
        "The personal link may have been cut in two by a mail program, or its registration is long over. "
        "Open the link from your mail again, whole."
    ),
)


_OF_SESSION = re.compile(r"/sessions/[^/]+")


def _page(
    request: Request, status: int, sentence: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    unknown_session = status == 404 and request.url.path.startswith("/sessions/")
    headline, usual = SESSION_UNKNOWN if unknown_session else WORDS.get(status, UNKNOWN)
    # what is done to a session is a form without a page of its own: the session's page holds it
    retry = request.url.path
    if found := _OF_SESSION.match(retry):
        retry = found[0]
    return pages_of(request).render(
        request,
        "failure.html",
        status,
        headers,
        code=status,
        headline=gettext(headline),
        sentence=sentence or gettext(usual),
        retry=retry,
    )


async def _away(request: Request, error: Exception) -> Response:
    log.warning("api-away", reason=str(error))
    return _page(request, 503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiRefused)
    if error.problem.status in {404, 429}:
        return _page(request, error.problem.status, headers=error.headers)
    log.error("api-refused", status=error.problem.status, type=error.problem.type)
    return _page(request, 500)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence = f"{gettext(error.detail)} {gettext(WORDS[403][1])}" if error.status_code == 403 else None
    return _page(request, error.status_code, sentence, dict(error.headers or {}))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    in_path = any(item["loc"][0] == "path" for item in error.errors())
    return _page(request, 404 if in_path else 400)


async def _broken(request: Request, _: Exception) -> Response:
    # this handler's answer is made outside of the middleware that adds them elsewhere
    return _page(request, 500, headers=HEADERS)


def add_failure_pages(app: FastAPI) -> None:
    app.add_exception_handler(ApiAway, _away)
    app.add_exception_handler(ApiRefused, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _broken)
