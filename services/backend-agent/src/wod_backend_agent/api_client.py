"""The api-db's own API, with the JWT of the agent's account."""

import asyncio
from http import HTTPStatus

import httpx
from pydantic import SecretStr


class NotTaken(Exception):
    """What was sent has to be sent again; the message says why and holds nothing of it."""


class NotOffered(NotTaken):
    """The api-db has no such route: it is an older one, or an original one."""


class NativeApi:
    """Logs in when it has to. ``client`` has the api-db's address as its base URL."""

    def __init__(self, client: httpx.AsyncClient, username: str, password: SecretStr) -> None:
        self._client = client
        self._username = username
        self._password = password
        self._token: str | None = None
        self._login = asyncio.Lock()

    async def post(self, path: str, content: str) -> httpx.Response:
        """The answer, whatever its status; JSON is sent. Raises NotTaken without an answer or a login."""
        token = self._token or await self._log_in(None)
        answer = await self._send(path, content, token)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            answer = await self._send(path, content, await self._log_in(token))
        return answer

    async def _send(self, path: str, content: str, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return await self._post(path, content=content, headers=headers)

    async def _log_in(self, stale: str | None) -> str:
        """Many calls meet the same expired token: the first one renews it."""
        async with self._login:
            if self._token is None or self._token == stale:
                credentials = {"username": self._username, "password": self._password.get_secret_value()}
                answer = await self._post("api/v1/login", json=credentials)
                if answer.status_code == HTTPStatus.NOT_FOUND:
                    raise NotOffered("the api-db knows no login here; is its address right?")
                if not answer.is_success:
                    raise NotTaken(f"the api-db answered {answer.status_code} to the login of {self._username}")
                self._token = _access_token(answer)
            return self._token

    async def _post(
        self, path: str, *, content: str | None = None, json: object = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            return await self._client.post(path, content=content, json=json, headers=headers)
        except httpx.HTTPError as error:
            raise NotTaken(f"the api-db cannot be reached: {type(error).__name__}") from error


def _access_token(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["access_token"])
    except (ValueError, KeyError, TypeError) as error:
        raise NotTaken("the api-db answered the login with something else; is its address right?") from error
