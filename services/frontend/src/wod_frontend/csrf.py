"""Forms that only our own pages can send: a signed double submit, and the browser's own word on where the form stood."""

import hmac
import re
import secrets

from fastapi import Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.exceptions import HTTPException

from wod_frontend.language import later

COOKIE = "wod_form"
FIELD = "form_token"
#: A page may lie open for a working day before its form is sent.
LIFETIME_SECONDS = 12 * 3600
_NONCE = re.compile(r"[A-Za-z0-9_-]{43}")


class FormGuard:
    """The cookie holds a random nonce, the form the same nonce signed with a time."""

    def __init__(self, secrets: list[str], *, secure: bool) -> None:
        """The first secret signs, each is taken."""
        self._serializer = URLSafeTimedSerializer(secrets[::-1], salt="wod-portal-form")
        self.secure = secure

    def nonce(self, request: Request) -> str:
        """The visitor's nonce; a new one where the cookie holds none."""
        if "form_nonce" not in request.scope:
            kept = request.cookies.get(COOKIE, "")
            request.scope["form_nonce"] = kept if _NONCE.fullmatch(kept) else secrets.token_urlsafe(32)
        nonce: str = request.scope["form_nonce"]
        return nonce

    def token(self, request: Request) -> str:
        """For the hidden field; whoever renders it also calls ``remember`` on the response."""
        request.scope["form_shown"] = True
        return self._serializer.dumps(self.nonce(request))

    def remember(self, request: Request, response: Response) -> None:
        """Sets the cookie where a form was rendered."""
        if request.scope.get("form_shown"):
            response.set_cookie(
                COOKIE, self.nonce(request), httponly=True, samesite="lax", secure=self.secure, path="/"
            )

    def renew(self, request: Request) -> None:
        """Another nonce: forms that were handed out before a sign-in are worth nothing behind it."""
        request.scope["form_nonce"] = secrets.token_urlsafe(32)
        request.scope["form_shown"] = True

    def check(self, request: Request, token: str) -> None:
        """Raises 403 where the form is not from a page of ours."""
        # absent in old browsers and on plain http; "none" is a form sent anew by the address bar
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise HTTPException(403, later("The form was sent from another site."))
        try:
            signed: str = self._serializer.loads(token, max_age=LIFETIME_SECONDS)
        except BadSignature:
            signed = ""
        cookie = request.cookies.get(COOKIE, "")
        if not cookie or not hmac.compare_digest(str(signed).encode(), cookie.encode()):
            raise HTTPException(403, later("The form has lain open for too long, or cookies are switched off."))
