"""JupyterHub's REST API, as far as the agent's service token reaches."""

import asyncio
import json
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from wod_backend_agent.hub import HubUnavailable

# the hub answers a start or stop after 10 s at the latest, and goes on with it
CALL_LIMIT = 20.0  # seconds
START_LIMIT = 60.0  # seconds until a started server answers
STOP_LIMIT = 60.0  # seconds until a stopped server is gone
WIPE_LIMIT = 150.0  # seconds until a server is gone with its storage
PATIENCE = 0.2  # seconds between two looks

#: A header of every answer of the hub, and of none of its proxy.
HUBS_OWN = "X-JupyterHub-Version"


class JupyterHub:
    """Implements ``wod_backend_agent.hub.Hub``; ``url`` is the hub's, without ``/hub``. Every call may be cancelled."""

    def __init__(self, url: str, token: SecretStr) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.AsyncClient(
            base_url=f"{self._url}/hub",
            headers={"Authorization": f"token {token.get_secret_value()}"},
            timeout=CALL_LIMIT,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.aclose()

    async def start_server(self, username: str) -> None:
        """Waits 60 s at most; a start in line behind others goes on and can be waited for again."""
        try:
            async with asyncio.timeout(START_LIMIT):
                await self._start(username)
        except TimeoutError as error:
            raise HubUnavailable(
                f"the server of {username} did not answer within {START_LIMIT:.0f} s; ask again, or see the hub's log"
            ) from error

    async def stop_server(self, username: str) -> None:
        """Repeats itself while the hub is busy with the server: it takes only one order at a time."""
        try:
            async with asyncio.timeout(STOP_LIMIT):
                while not await self._stop(username):  # noqa: ASYNC110 - what is waited for is in the hub
                    await asyncio.sleep(PATIENCE)
        except TimeoutError as error:
            raise HubUnavailable(
                f"the server of {username} still runs {STOP_LIMIT:.0f} s after it was told to stop; see the hub's log"
            ) from error

    async def evict(self, username: str) -> None:
        answer = await self._call("POST", f"/wod/seats/{username}/evict")
        if answer.status_code != HTTPStatus.NO_CONTENT:
            raise self._refused(f"end the logins of {username}", answer)

    async def access(self, username: str) -> SecretStr:
        """The seat's server gets this token and never the service's: whoever controls the server keeps what it is sent."""
        answer = await self._call("POST", f"/wod/seats/{username}/access")
        if answer.status_code != HTTPStatus.CREATED:
            raise self._refused(f"open the server of {username} to the agent", answer)
        return SecretStr(str(answer.json()["token"]))

    async def wipe(self, username: str) -> None:
        answer = await self._call("DELETE", f"/wod/seats/{username}/storage", WIPE_LIMIT)
        if answer.status_code != HTTPStatus.NO_CONTENT:
            raise self._refused(f"wipe the storage of {username}", answer)

    async def runs_server(self, username: str) -> bool:
        server = await self._server(username)
        # the hub knows one that was stopped, too
        return bool(server.get("ready") or server.get("pending"))

    async def ready(self) -> str:
        answer = await self._call("GET", "/api/")
        if answer.status_code != HTTPStatus.OK:
            raise self._refused("tell its version", answer)
        return f"JupyterHub {answer.json()['version']}"

    async def _start(self, username: str) -> None:
        while True:
            answer = await self._call("POST", f"/api/users/{username}/server")
            if answer.status_code == HTTPStatus.CREATED:
                return
            if answer.status_code == HTTPStatus.ACCEPTED:
                await self._until_ready(username)
                return
            if not await self._worth_repeating(username, answer):
                return

    async def _worth_repeating(self, username: str, answer: httpx.Response) -> bool:
        """False: it runs already. True after a pause: the hub is busy with this server, or with too many."""
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            await asyncio.sleep(float(answer.headers.get("Retry-After", 1)))
            return True
        if answer.status_code != HTTPStatus.BAD_REQUEST:
            raise self._refused(f"start the server of {username}", answer)
        server = await self._server(username)
        if server.get("ready") and not server.get("pending"):
            return False
        if not server.get("pending") and "pending" not in answer.text and "already running" not in answer.text:
            raise self._refused(f"start the server of {username}", answer)
        await asyncio.sleep(PATIENCE)
        return True

    async def _until_ready(self, username: str) -> None:
        """Reads the hub's progress events, which end with the start's success or failure."""
        path = f"/api/users/{username}/server/progress"
        try:
            async with self._client.stream("GET", path) as events:
                async for line in events.aiter_lines():
                    event = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                    if event.get("ready"):
                        return
                    if event.get("failed"):
                        raise HubUnavailable(f"the hub could not start the server of {username}: {event['message']}")
        except httpx.HTTPError as error:
            raise self._away(error) from error
        # no longer starting when asked: it is up or has just failed
        if not (await self._server(username)).get("ready"):
            raise HubUnavailable(f"the hub could not start the server of {username}; see the hub's log")

    async def _stop(self, username: str) -> bool:
        answer = await self._call("DELETE", f"/api/users/{username}/server")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return True
        if answer.status_code == HTTPStatus.NO_CONTENT:
            server = await self._server(username)
            return not server.get("pending") and not server.get("ready")
        if answer.status_code not in {HTTPStatus.ACCEPTED, HTTPStatus.BAD_REQUEST}:
            raise self._refused(f"stop the server of {username}", answer)
        return False

    async def _server(self, username: str) -> dict[str, Any]:
        answer = await self._call("GET", f"/api/users/{username}/server")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return {}
        if answer.status_code != HTTPStatus.OK:
            raise self._refused(f"show the server of {username}", answer)
        server: dict[str, Any] = answer.json()
        return server

    async def _call(self, method: str, path: str, limit: float = CALL_LIMIT) -> httpx.Response:
        """Raises HubUnavailable also for an answer that is not the hub's: the proxy says 404 while it has no routes."""
        try:
            answer = await self._client.request(method, path, timeout=limit)
        except httpx.HTTPError as error:
            raise self._away(error) from error
        if HUBS_OWN not in answer.headers:
            raise HubUnavailable(
                f"what answered at {self._url} ({answer.status_code}) is not JupyterHub: is it starting?"
            )
        return answer

    def _away(self, error: httpx.HTTPError) -> HubUnavailable:
        return HubUnavailable(f"no answer from JupyterHub at {self._url} ({type(error).__name__}): is it running?")

    def _refused(self, what: str, answer: httpx.Response) -> HubUnavailable:
        if answer.status_code == HTTPStatus.FORBIDDEN:
            reason = "the hub does not take the agent's service token for this; compare the two settings"
        else:
            reason = _message(answer)
        return HubUnavailable(f"JupyterHub at {self._url} did not {what} ({answer.status_code}): {reason}")


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200] or answer.reason_phrase
