"""The api-db as operators reach it: any call, with the token of whoever is signed in."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2

from wod_common.problems import ProblemDetails
from wod_frontend.api import ApiAway, ApiRefused, failure_of
from wod_frontend.console.access import Operator, RoleMissing, SignInNeeded

Row = dict[str, Any]
#: The api-db gives no more at a time.
LARGEST_PAGE = 500


class SignInRefused(Exception):
    """``status`` 401 says nothing of which of the two was wrong, 403 that the account is nothing here, 429 that it was tried too often."""

    def __init__(self, status: int, retry_after: str | None) -> None:
        super().__init__(str(status))
        self.status = status
        self.retry_after = retry_after


class Refused(ApiRefused):
    """``alternatives``: the nearest times and places where a class would fit."""

    def __init__(self, refused: ApiRefused, alternatives: list[Row]) -> None:
        super().__init__(refused.problem, refused.headers)
        self.alternatives = alternatives


class Backstage:
    """Shared by all; ``as_`` gives the calls of one operator."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    def as_(self, operator: Operator) -> "Calls":
        return Calls(self._client, operator.token)

    async def sign_in(self, body: Mapping[str, Any], visitor: str | None, path: str = "/api/v1/login") -> Row:
        """Raises SignInRefused, ApiAway. ``visitor`` is his address: the api-db counts tries by it."""
        headers = {"X-Forwarded-For": visitor} if visitor else {}
        response = await _send(self._client, "POST", path, json=dict(body), headers=headers)
        if response.status_code in {401, 403, 422, 429}:
            status = 401 if response.status_code == 422 else response.status_code
            raise SignInRefused(status, response.headers.get("retry-after"))
        return _content(response)


class Calls:
    """Raises ApiAway, ApiRefused, SignInNeeded where the token counts no more, RoleMissing where it does not suffice."""

    def __init__(self, client: httpx2.AsyncClient, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str, **params: Any) -> Row:
        asked = {name: value for name, value in params.items() if value not in {None, ""}}
        return await self.call("GET", path, params=asked)

    async def call(self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None) -> Row:
        response = await _send(self._client, method, path, params=params, json=json, headers=self._headers)
        return _content(response)

    async def upload(self, path: str, content: bytes, media_type: str) -> Row:
        headers = self._headers | {"Content-Type": media_type}
        return _content(await _send(self._client, "POST", path, content=content, headers=headers))

    async def every(self, path: str, **params: Any) -> AsyncIterator[Row]:
        """The rows of all pages of a list."""
        page = await self.get(path, **params)
        while True:
            for row in page["items"]:
                yield row
            if not page.get("next"):
                return
            page = await self.get(path, **params | {"cursor": page["next"]})


async def _send(client: httpx2.AsyncClient, method: str, path: str, **parts: Any) -> httpx2.Response:
    try:
        return await client.request(method, path, **parts)
    except httpx2.HTTPError as error:
        raise ApiAway(f"the api-db does not answer: {type(error).__name__}") from error


def _content(response: httpx2.Response) -> Row:
    if response.status_code == 401:
        raise SignInNeeded(ended=True)
    if response.status_code == 403:
        raise RoleMissing(_detail(response))
    if not response.is_success:
        failure = failure_of(response)
        raise Refused(failure, _alternatives(response)) if isinstance(failure, ApiRefused) else failure
    try:
        content: Any = response.json() if response.content else {}
    except ValueError as error:
        raise ApiAway("the api-db answers what is no JSON") from error
    return content if isinstance(content, dict) else {"items": content}


def _alternatives(response: httpx2.Response) -> list[Row]:
    try:
        content = response.json()
    except ValueError:
        return []
    found = content.get("alternatives", []) if isinstance(content, dict) else []
    return found if isinstance(found, list) else []


def _detail(response: httpx2.Response) -> str:
    failure = failure_of(response)
    problem = getattr(failure, "problem", None)
    return problem.detail if isinstance(problem, ProblemDetails) else ""
