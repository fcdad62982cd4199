"""The api-db's APIs, with the token of the agent's account."""

import asyncio
from http import HTTPStatus
from typing import ClassVar

import httpx
from pydantic import SecretStr

from wod_common.tracing import HEADER, current


class NotTaken(Exception):
    """What was sent has to be sent again; the message says why and holds nothing of it."""


class NotOffered(NotTaken):
    """The api-db has no such route: it is an older one, or an original one."""


class AccountApi:
    """Logs in when it has to. ``client`` has the api-db's address as its base URL."""

    login_path: ClassVar[str]
    #: the field of the login's answer that holds the token
    token_field: ClassVar[str]

    def __init__(self, client: httpx.AsyncClient, username: str, password: SecretStr) -> None:
        self._client = client
        self._username = username
        self._password = password
        self._token: str | None = None
        self._login = asyncio.Lock()

    def _authorization(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}

    async def request(
        self, method: str, path: str, content: str | None = None, *, seconds: float | None = None
    ) -> httpx.Response:
        """The answer, whatever its status; JSON is sent. ``seconds`` is its time where the client's is too short.

        Raises NotTaken without an answer or a login.
        """
        token = self._token or await self._log_in(None)
        answer = await self._send(method, path, content, token, seconds)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            answer = await self._send(method, path, content, await self._log_in(token), seconds)
        return answer

    async def _send(
        self, method: str, path: str, content: str | None, token: str, seconds: float | None
    ) -> httpx.Response:
        headers = self._authorization(token) | {HEADER: current()}
        return await self._exchange(method, path, content=content, headers=headers, seconds=seconds)

    async def _log_in(self, stale: str | None) -> str:
        """Many calls meet the same expired token: the first one renews it."""
        async with self._login:
            if self._token is None or self._token == stale:
                credentials = {"username": self._username, "password": self._password.get_secret_value()}
                answer = await self._exchange("POST", self.login_path, json=credentials)
                if answer.status_code == HTTPStatus.NOT_FOUND:
                    raise NotOffered(f"the api-db answered 404 to the login of {self._username}; is its address right?")
                if not answer.is_success:
                    raise NotTaken(f"the api-db answered {answer.status_code} to the login of {self._username}")
                self._token = self._token_of(answer)
            return self._token

    def _token_of(self, answer: httpx.Response) -> str:
        try:
            token = answer.json()[self.token_field]
        except (ValueError, KeyError, TypeError):
            token = None
        if not isinstance(token, str):
            raise NotTaken("the api-db answered the login with something else; is its address right?")
        return token

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        content: str | None = None,
        json: object = None,
        headers: dict[str, str] | None = None,
        seconds: float | None = None,
    ) -> httpx.Response:
        given = {"Content-Type": "application/json"} if content is not None else {}
        timeout = self._client.timeout if seconds is None else httpx.Timeout(seconds)
        try:
            return await self._client.request(
                method, path, content=content, json=json, headers={**given, **(headers or {})}, timeout=timeout
            )
        except httpx.HTTPError as error:
            raise NotTaken(f"the api-db cannot be reached: {type(error).__name__}") from error


class NativeApi(AccountApi):
    """Our own, ``/api/v1``."""

    login_path = "api/v1/login"
    token_field = "access_token"  # noqa: S105 - a field's name

    async def post(self, path: str, content: str) -> httpx.Response:
        """As ``request``."""
        return await self.request("POST", path, content)
