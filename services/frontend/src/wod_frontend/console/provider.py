"""Signing in at the organisation's own service (OpenID Connect): the code flow, with PKCE, state and nonce.

The portal only carries the service's signed word to the api-db, which checks it by itself and decides what it is worth:
whoever has the portal still cannot make himself an operator.
"""

import secrets
from typing import Any

import httpx2
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError
from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field, ValidationError

from wod_common.sealing import CannotOpen, Sealer
from wod_frontend.console.access import way_back
from wod_frontend.settings import OidcSettings

COOKIE = "wod_console_oidc"
#: So long one may take to type his password there.
PATIENCE_SECONDS = 600


class Begun(BaseModel):
    """What is kept of a sign-in until it comes back, sealed at the browser."""

    state: str
    nonce: str = Field(repr=False)
    verifier: str = Field(repr=False)
    next: str


class _Endpoints(BaseModel):
    """Of the service's description of itself (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str


class Provider:
    """The service as this portal is known to it."""

    def __init__(self, settings: OidcSettings, public_url: str, secret: str, *, secure: bool) -> None:
        self.name = settings.name
        self._settings = settings
        self._back = f"{public_url}/console/oidc/back"
        self._sealer = Sealer(secret, "console-oidc")
        self._secure = secure
        self._endpoints: _Endpoints | None = None

    async def leave_for(self, wanted: str) -> Response:
        """To the service's own page."""
        begun = Begun(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            next=way_back(wanted),
        )
        endpoints = await self._found()
        async with self._client() as client:
            address, _ = client.create_authorization_url(
                endpoints.authorization_endpoint, state=begun.state, nonce=begun.nonce, code_verifier=begun.verifier
            )
        response = RedirectResponse(address, 303)
        response.set_cookie(
            COOKIE,
            self._sealer.seal(begun.model_dump_json()),
            max_age=PATIENCE_SECONDS,
            httponly=True,
            samesite="lax",
            secure=self._secure,
            path="/console/oidc",
        )
        return response

    def begun(self, request: Request, state: str) -> Begun | None:
        """None where this browser has not asked for it."""
        try:
            begun = Begun.model_validate_json(self._sealer.open(request.cookies.get(COOKIE, "")))
        except (CannotOpen, ValidationError):
            return None
        return begun if secrets.compare_digest(begun.state.encode(), state.encode()) else None

    async def word(self, begun: Begun, code: str) -> str:
        """The signed ID token for the code. Raises OAuthError, httpx2.HTTPError."""
        endpoints = await self._found()
        async with self._client() as client:
            token: dict[str, Any] = await client.fetch_token(
                endpoints.token_endpoint, code=code, code_verifier=begun.verifier
            )
        if not isinstance(token.get("id_token"), str):
            raise OAuthError("invalid_token", "the service has sent no ID token")
        return str(token["id_token"])

    def _client(self) -> AsyncOAuth2Client:
        settings = self._settings
        return AsyncOAuth2Client(
            settings.client_id,
            settings.client_secret.get_secret_value(),
            scope=settings.scope,
            redirect_uri=self._back,
            code_challenge_method="S256",
            timeout=10,
        )

    async def _found(self) -> _Endpoints:
        """Asked for once. Raises httpx2.HTTPError."""
        if self._endpoints is None:
            issuer = str(self._settings.issuer).rstrip("/")
            async with httpx2.AsyncClient(timeout=10) as client:
                answer = await client.get(f"{issuer}/.well-known/openid-configuration")
            answer.raise_for_status()
            self._endpoints = _Endpoints.model_validate_json(answer.content)
        return self._endpoints


def provider_of(request: Request) -> Provider | None:
    provider: Provider | None = request.app.state.oidc
    return provider
