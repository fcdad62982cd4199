"""Sign-in with the password from the mail: the agent keeps the hashes and is asked."""

# JupyterHub is not annotated
# mypy: disallow-untyped-calls=False

import json
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus

from jupyterhub.auth import Authenticator
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.web import HTTPError, RequestHandler
from traitlets import Bool, Unicode

from wod_jupyterhub.eviction import EvictHandler
from wod_jupyterhub.seat_access import HANDLERS

ANSWER_LIMIT = 5.0  # seconds


class AgentAuthenticator(Authenticator):
    """No administrators, no sign-up: the seats are ``allowed_users``."""

    agent_url = Unicode(config=True)
    agent_token = Unicode(config=True)
    delivers_through_hub = Bool(False, config=True)

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._evictions: Counter[str] = Counter()

    def get_handlers(self, app: object) -> list[tuple[str, type[RequestHandler]]]:
        """The one place where a hub without ``extra_handlers`` (deprecated) takes pages of others."""
        own = [*super().get_handlers(app), (r"/wod/seats/([^/]+)/evict", EvictHandler)]
        return [*own, *(HANDLERS if self.delivers_through_hub else [])]

    def forget(self, username: str) -> None:
        """A password check that is under way for the seat no longer lets anybody in."""
        self._evictions[username] += 1

    async def authenticate(self, handler: RequestHandler, data: Mapping[str, str]) -> str | None:
        """The name, or None for a wrong pair. Raises 503 with what to do when the agent does not answer."""
        username, password = data.get("username", ""), data.get("password", "")
        if username not in self.allowed_users:
            return None
        evictions = self._evictions[username]
        allowed = await self._ask(username, password)
        return username if allowed and self._evictions[username] == evictions else None

    async def _ask(self, username: str, password: str) -> bool:
        request = HTTPRequest(
            f"{self.agent_url.rstrip('/')}/hub/login",
            method="POST",
            headers={"Authorization": f"Bearer {self.agent_token}", "Content-Type": "application/json"},
            body=json.dumps({"username": username, "password": password}),
            request_timeout=ANSWER_LIMIT,
            follow_redirects=False,
        )
        try:
            answer = await AsyncHTTPClient().fetch(request)
            return json.loads(answer.body)["allowed"] is True
        except (HTTPClientError, OSError, ValueError, KeyError, TypeError) as error:
            self.log.warning("the agent at %s did not check a password: %s", self.agent_url, error)
            raise HTTPError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Passwords cannot be checked at the moment. Please try again in a minute.",
            ) from error
