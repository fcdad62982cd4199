"""The two ends of a sign-in elsewhere: leaving for it, and coming back."""

from typing import Annotated

import httpx2
import structlog
from authlib.integrations.httpx_client import OAuthError
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from wod_frontend.console import signing_in
from wod_frontend.console.access import LIFETIME
from wod_frontend.console.backstage import SignInRefused
from wod_frontend.console.desk import backstage_of
from wod_frontend.console.provider import COOKIE, Begun, Provider, provider_of

log = structlog.get_logger()
router = APIRouter(prefix="/console/oidc", default_response_class=HTMLResponse, include_in_schema=False)


def _configured(request: Request) -> Provider:
    provider = provider_of(request)
    if provider is None:
        raise HTTPException(404)
    return provider


@router.get("/start")
async def start(request: Request, next: Annotated[str, Query(max_length=2000)] = "/console") -> Response:  # noqa: A002 - its name in the address
    try:
        return await _configured(request).leave_for(next)
    except (httpx2.HTTPError, ValidationError) as error:
        return _broken(request, next, error)


@router.get("/back")
async def back(
    request: Request,
    code: Annotated[str, Query(max_length=2000)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    provider = _configured(request)
    begun = provider.begun(request, state)
    if begun is None or not code:
        return signing_in.show(request, begun.next if begun else "", 400, refused="provider")
    try:
        word = await provider.word(begun, code)
    except (OAuthError, httpx2.HTTPError, ValidationError) as error:
        return _broken(request, begun.next, error)
    response = await _enter(request, begun, word)
    response.delete_cookie(COOKIE, path="/console/oidc")
    return response


async def _enter(request: Request, begun: Begun, word: str) -> Response:
    body = {"id_token": word, "nonce": begun.nonce, "lifetime": int(LIFETIME.total_seconds())}
    visitor = request.client.host if request.client else None
    try:
        granted = await backstage_of(request).sign_in(body, visitor, "/api/v1/login/oidc")
    except SignInRefused as error:
        return signing_in.show(request, begun.next, error.status, refused="role" if error.status == 403 else "provider")
    return signing_in.enter(request, granted, begun.next)


def _broken(request: Request, wanted: str, error: Exception) -> Response:
    # the error's text may hold the code: its kind says enough
    log.warning("oidc-failed", kind=type(error).__name__)
    return signing_in.show(request, wanted, 502, refused="provider")
