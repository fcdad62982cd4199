"""A small OpenID Connect service that speaks real HTTP: discovery, keys, authorization code with PKCE, signed ID tokens."""

import base64
import hashlib
import secrets
import time
from typing import Annotated, Any
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from fastapi import Depends, FastAPI, Form, HTTPException
from fastapi.responses import RedirectResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from jwt.algorithms import RSAAlgorithm

CLIENT_ID, CLIENT_SECRET = "workshops", "secret-of-the-client"
#: RSA keys take a while: one for the run, and one that the service does not name
KEY, FOREIGN_KEY = (generate_private_key(65537, 2048) for _ in range(2))


class SignInService:
    """``person`` is who sits at its page and agrees to everything; ``lie`` changes what is signed."""

    def __init__(self) -> None:
        self.address = ""
        self.person: dict[str, Any] = {}
        self.lie: dict[str, Any] = {}
        self.key: RSAPrivateKey = KEY
        self.asked: dict[str, str] = {}
        self._codes: dict[str, dict[str, str]] = {}

    def word(self, given: str, /, **changes: Any) -> str:
        """A signed ID token."""
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": given}
        whole = {
            name: value for name, value in (claims | self.person | self.lie | changes).items() if value is not None
        }
        return jwt.encode(whole, self.key, "RS256", headers={"kid": "one"})

    def begin(self, asked: dict[str, str]) -> str:
        code = secrets.token_urlsafe(16)
        self.asked = self._codes[code] = asked
        return code

    def redeem(self, code: str, verifier: str) -> str:
        """A code counts once, for whoever has begun."""
        asked = self._codes.pop(code, None)
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != digest or asked["code_challenge_method"] != "S256":
            raise HTTPException(400, "invalid_grant")
        return self.word(asked["nonce"])


def service_app(service: SignInService) -> FastAPI:
    app = FastAPI()

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/.well-known/openid-configuration")
    async def discovery() -> dict[str, str]:
        paths = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
        return {"issuer": service.address} | {name: service.address + path for name, path in paths.items()}

    @app.get("/keys")
    async def keys() -> dict[str, Any]:
        public = RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
        return {"keys": [public | {"kid": "one", "use": "sig", "alg": "RS256"}]}

    @app.get("/authorize")
    async def authorize(
        client_id: str, redirect_uri: str, state: str, nonce: str, code_challenge: str, code_challenge_method: str
    ) -> RedirectResponse:
        if client_id != CLIENT_ID:
            raise HTTPException(400, "unauthorized_client")
        asked = {"nonce": nonce, "code_challenge": code_challenge, "code_challenge_method": code_challenge_method}
        return RedirectResponse(f"{redirect_uri}?{urlencode({'code': service.begin(asked), 'state': state})}", 303)

    @app.post("/token")
    async def token(
        client: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())],
        code: Annotated[str, Form()],
        code_verifier: Annotated[str, Form()],
    ) -> dict[str, Any]:
        if (client.username, client.password) != (CLIENT_ID, CLIENT_SECRET):
            raise HTTPException(401, "invalid_client")
        return {"access_token": "x", "token_type": "Bearer", "id_token": service.redeem(code, code_verifier)}

    return app
