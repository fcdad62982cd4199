"""The agent of this location, as the gate sees it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import httpx
from pydantic import SecretStr, ValidationError

from wod_common.commands import Command, CommandReceipt
from wod_common.problems import ProblemDetails
from wod_mailgate.replies import Refused, Unavailable

#: for the whole call; less than the sender's patience after DATA, ten minutes by RFC 5321
TIMEOUT_SECONDS = 10.0
_REFUSALS = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}


def agent_http(url: str, token: SecretStr) -> httpx.AsyncClient:
    # trust_env off: a proxy of the environment would see the token
    return httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {token.get_secret_value()}"},
        timeout=TIMEOUT_SECONDS,
        trust_env=False,
    )


@dataclass(frozen=True)
class Agent:
    http: httpx.AsyncClient

    async def send(self, command: Command) -> CommandReceipt:
        """Returns once the agent has the command on its disk. Raises Refused, Unavailable."""
        body = command.model_dump(mode="json", exclude_none=True)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                response = await self.http.post("/commands", json=body)
        except (TimeoutError, httpx.HTTPError) as error:
            raise Unavailable(f"the agent cannot be reached ({type(error).__name__}), try again later") from error
        return _receipt(response, command)

    async def check(self) -> str:
        (await self.http.get("/healthz")).raise_for_status()
        return "answers"


@dataclass(frozen=True)
class Agents:
    """Of every location behind the gate."""

    by_location: Mapping[int, Agent]

    async def send(self, command: Command) -> CommandReceipt:
        """As ``Agent.send``."""
        agent = self.by_location.get(command.location)
        if agent is None:
            # spooled by a gate that had more of them
            raise Refused(f"this gate has no agent of location {command.location}")
        return await agent.send(command)


def _receipt(response: httpx.Response, command: Command) -> CommandReceipt:
    try:
        if response.status_code in _REFUSALS:
            raise Refused(ProblemDetails.model_validate_json(response.content).detail)
        if response.status_code == HTTPStatus.ACCEPTED:
            receipt = CommandReceipt.model_validate_json(response.content)
            if receipt.id == command.id:
                return receipt
    except ValidationError as error:
        raise Unavailable(f"the agent's answer {response.status_code} makes no sense, try again later") from error
    raise Unavailable(f"the agent answered {response.status_code}, try again later")
