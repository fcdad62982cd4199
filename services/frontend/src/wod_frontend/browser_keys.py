"""The key by which the browser that registered may correct a mistyped address: a cookie beside the session's page."""

import re

from fastapi import Request, Response

COOKIE = "wod_registered"
#: Long enough to notice that no mail comes.
LIFETIME_SECONDS = 24 * 3600
_KEPT = re.compile(r"([0-9]{1,19}-[A-Za-z0-9_-]{1,200})\.([A-Za-z0-9_-]{32})")


def remember(response: Response, token: str, browser_key: str, *, secure: bool) -> None:
    response.set_cookie(
        COOKIE,
        f"{token}.{browser_key}",
        max_age=LIFETIME_SECONDS,
        path="/sessions",
        httponly=True,
        samesite="lax",
        secure=secure,
    )


def forget(response: Response) -> None:
    response.delete_cookie(COOKIE, path="/sessions")


def key_for(request: Request, token: str) -> str | None:
    """None where another browser registered, or this one has registered for something else since."""
    kept = _KEPT.fullmatch(request.cookies.get(COOKIE, ""))
    return kept[2] if kept and kept[1] == token else None
